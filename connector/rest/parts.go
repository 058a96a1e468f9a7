package rest

import (
	"encoding/base64"
	"hash/fnv"
	"slices"

	"github.com/valyala/fastjson"
)

// Parts of an object are elements of its lists whose tables have no key. The
// only way to be rid of one that was edited or removed is to read all objects
// and have the rest marked as deleted. Hashes of the parts of objects in a
// Cursor's Window are remembered: where parts were only added they are sent;
// where one changed nothing is sent, and all is read anew. At no time are there
// both versions of a part. Without a Window all parts are sent.
type parts struct {
	add    bool   // those that were not sent before are to be sent
	before []hash // that were sent
	all    []hash // that there are
}

// A hash tells a part of an object from others and from its later versions.
type hash [4]byte

func hashOf(list string, part *fastjson.Value) hash {
	h := fnv.New32a()
	h.Write(part.MarshalTo([]byte(list)))
	return hash(h.Sum(nil))
}

// partsOf finds out what is to be sent of an object's parts.
func (r *reader) partsOf(l *Resource, o *Object) parts {
	p := parts{add: true}
	if !l.window() || !slices.ContainsFunc(r.filler(l), (*filler).hasParts) {
		return p
	}
	for _, list := range r.partLists(l) {
		for _, v := range Elements(o.Get(list)) {
			p.all = append(p.all, hashOf(list, v))
		}
	}
	rd := r.state.Round
	if rd.whole(l) {
		return p
	}
	if r.old(l, o) {
		p.add = false // what was sent of it is not known any more
		return p
	}
	p.before = decodeHashes(r.remembered(l, o).Parts)
	for _, h := range p.before {
		if !slices.Contains(p.all, h) {
			r.state.of(l).Stale, p.add = true, false
		}
	}
	return p
}

// partLists returns the lists inside a resource's objects that have parts,
// whether anybody wants their tables or not.
func (r *reader) partLists(l *Resource) []string {
	lists, ok := r.lists[l]
	if !ok {
		for _, t := range l.Tables {
			for _, c := range t.Children {
				if s := c.Schema(); c.Each != "" && len(s.Key()) == 0 {
					lists = append(lists, c.Each)
				}
			}
		}
		r.lists[l] = lists
	}
	return lists
}

// remembered returns what is known of an object that was sent before.
func (r *reader) remembered(l *Resource, o *Object) row {
	id := o.Int("id")
	if known, ok := r.state.of(l).Marks[o.Parent.Text("id")].Rows[id]; ok {
		return known
	}
	return r.state.Round.Seen[id]
}

// wants reports whether a part of a list is to be sent.
func (p *parts) wants(list string, part *fastjson.Value) bool {
	return p.add && (len(p.before) == 0 || !slices.Contains(p.before, hashOf(list, part)))
}

// sent returns the parts that the destination has now.
func (p *parts) sent() string {
	hashes := p.before
	if p.add {
		hashes = p.all
	}
	var b []byte
	for _, h := range hashes {
		b = append(b, h[:]...)
	}
	return base64.RawStdEncoding.EncodeToString(b)
}

func decodeHashes(s string) []hash {
	b, _ := base64.RawStdEncoding.DecodeString(s) // as sent wrote it
	var hashes []hash
	for len(b) >= len(hash{}) {
		hashes, b = append(hashes, hash(b)), b[len(hash{}):]
	}
	return hashes
}

// stale reports whether a list of the account must be read as a whole in the
// same round, after what was found in it. Of a list of one object among others
// that waits for the next round.
func (r *reader) stale(l *Resource) bool {
	rd, p := r.state.Round, r.state.of(l)
	if !r.account || !p.Stale || rd.whole(l) || !p.due(l, r.req.Start, r.client.Budget.pace()) {
		return false
	}
	rd.Whole, rd.place = append(rd.Whole, l.name()), place{}
	p.Spent, p.Begun = 0, r.req.Start
	return true
}

// hasParts reports whether f is of a table of parts, or a child is.
func (f *filler) hasParts() bool {
	return f.part || slices.ContainsFunc(f.children, (*filler).hasParts)
}
