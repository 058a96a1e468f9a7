package pipe

// A Share is how the memory of one sync is divided, in bytes.
type Share struct {
	Source int64 // for [connector.Env]
	Writer int64 // for [destination.Options]
	Heap   int64 // for everything that Go allocates, the source's part included
}

// DefaultMemory is what a sync may take if nobody says otherwise.
const DefaultMemory = 512 << 20

// Memory divides what one sync may take. Destinations get half, because a
// merge sorts and hashes in it; the rest is batches on their way, and room
// for the garbage of those that have arrived.
func Memory(total int64) Share {
	if total <= 0 {
		total = DefaultMemory
	}
	return Share{Source: total / 8, Writer: total / 2, Heap: total * 3 / 8}
}
