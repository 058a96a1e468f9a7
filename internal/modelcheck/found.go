package modelcheck

// found are scripts that once led to something else than the rules say, as
// they were printed.
var found = []string{
	`source log
	put 1 a=1
	sync 1
	hash k
	set 1 a=2
	sync 1
	delete 1
	sync 1`,
	`source sweep
	put 1 a=1
	sync 1
	hash k
	sync 1`,
	`source keyless
	sync 2
	key
	put 1 a=1 a=1
	sync 2
	delete 1
	mode HISTORY
	put 1 b=- n=-
	sync 2
	nokey
	sync 1`,
}
