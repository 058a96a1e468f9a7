package sqlsource

import (
	"cmp"
	"slices"
)

// A Range is part of a table, by where its rows are or by their key: from Lo up
// to but without Hi.
type Range[K cmp.Ordered] struct {
	Lo K `json:"lo"`
	Hi K `json:"hi"`
}

// Join adds a range to those of done, which are in order and do not touch.
func Join[K cmp.Ordered](done []Range[K], r Range[K]) []Range[K] {
	done = append(done, r)
	slices.SortFunc(done, func(a, b Range[K]) int { return cmp.Compare(a.Lo, b.Lo) })
	joined := done[:1]
	for _, r := range done[1:] {
		if last := &joined[len(joined)-1]; r.Lo <= last.Hi {
			last.Hi = max(last.Hi, r.Hi)
		} else {
			joined = append(joined, r)
		}
	}
	return joined
}

// Left returns what is between lo and hi and not in done, which is as Join
// makes it.
func Left[K cmp.Ordered](done []Range[K], lo, hi K) []Range[K] {
	var left []Range[K]
	for _, d := range done {
		if lo < d.Lo {
			left = append(left, Range[K]{lo, d.Lo})
		}
		lo = max(lo, d.Hi)
	}
	if lo < hi {
		left = append(left, Range[K]{lo, hi})
	}
	return left
}
