package schema

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// Check returns what keeps the filter from being applied to a table with these
// columns, in words for people, or nil.
func (f *Filter) Check(columns []Column) error {
	var err error
	f.where.each(func(c *Condition) {
		if err == nil && c.Column != "" {
			err = c.check(columns)
		}
	})
	return err
}

func (c *Condition) check(columns []Column) error {
	i := slices.IndexFunc(columns, func(col Column) bool { return col.Name == c.Column })
	if i >= 0 {
		return c.fits(columns[i].Type)
	}
	for _, col := range columns {
		if strings.EqualFold(col.Name, c.Column) {
			return fmt.Errorf("there is no column %s, but one called %s", quoteName(c.Column), quoteName(col.Name))
		}
	}
	return fmt.Errorf("there is no column %s", quoteName(c.Column))
}

// fits returns why a column of type t cannot be tested like that, or nil.
func (c *Condition) fits(t Type) error {
	err := error(nil)
	switch {
	case c.Test == TestIsNull || t.Kind == Unspecified:
	case c.Test == TestTrue && t.Kind != Boolean:
		err = errors.New("only a BOOLEAN column is a condition by itself")
	case c.Test == TestLike && t.Kind != String:
		err = errors.New("LIKE is for text")
	case t.Kind == Boolean && c.Test != TestTrue && c.Test != TestEqual && c.Test != TestUnequal && c.Test != TestIn:
		err = errors.New("TRUE and FALSE have no order")
	}
	for _, v := range c.Values {
		if err == nil {
			_, err = v.As(t)
		}
	}
	if err != nil {
		return fmt.Errorf("column %s is %s: %w", quoteName(c.Column), t, err)
	}
	return nil
}

// A verdict is one of SQL's three truth values. AND takes the least, OR the
// greatest.
type verdict uint8

const (
	no verdict = iota
	unknown
	yes
)

// A Selector applies a filter to batches with certain columns. It may be used
// by several goroutines.
type Selector struct{ root node }

// Bind returns the filter for batches of whole rows, in which a column that
// the batch lacks is NULL. It fails if a column has a type that the filter
// does not fit.
func (f *Filter) Bind(columns []Column) (*Selector, error) { return f.bind(columns, unknown) }

// BindPart returns the filter for batches of parts of rows. It selects rows
// that meet the filter whatever the batch does not tell of them, or may.
func (f *Filter) BindPart(columns []Column) (*Selector, error) { return f.bind(columns, yes) }

func (f *Filter) bind(columns []Column, absent verdict) (*Selector, error) {
	b := binder{columns, absent}
	root, err := b.node(&f.where, false)
	if err != nil {
		return nil, err
	}
	return &Selector{root}, nil
}

// Select reports of each row of a batch whether it meets the filter.
func (s *Selector) Select(rec arrow.RecordBatch) []bool {
	verdicts := make([]verdict, rec.NumRows())
	s.root.judge(rec, verdicts)
	meets := make([]bool, len(verdicts))
	for i, v := range verdicts {
		meets[i] = v == yes
	}
	return meets
}

// A node is a condition bound to columns, without NOT: that has been brought
// down to the tests, so that a row which a test lets through is never turned
// away for it.
type node interface {
	// judge fills out, of which each row has one.
	judge(rec arrow.RecordBatch, out []verdict)
}

// A binder makes nodes of conditions.
type binder struct {
	columns []Column
	absent  verdict // on tests of columns that are not there
}

func (b *binder) node(c *Condition, negate bool) (node, error) {
	switch c.Test {
	case TestGroup:
		return b.node(&c.Of[0], !negate)
	case TestAllOf, TestAnyOf:
		out := list{all: (c.Test == TestAllOf) != negate}
		for i := range c.Of {
			n, err := b.node(&c.Of[i], negate)
			if err != nil {
				return nil, err
			}
			out.of = append(out.of, n)
		}
		return &out, nil
	}
	return b.leaf(c, c.Not != negate)
}

// A list is nodes joined by AND or OR.
type list struct {
	all bool
	of  []node
}

func (l *list) judge(rec arrow.RecordBatch, out []verdict) {
	l.of[0].judge(rec, out)
	next := make([]verdict, len(out))
	for _, n := range l.of[1:] {
		n.judge(rec, next)
		if l.all {
			for i, v := range next {
				out[i] = min(out[i], v)
			}
			continue
		}
		for i, v := range next {
			out[i] = max(out[i], v)
		}
	}
}

// A constant is the same for all rows.
type constant verdict

func (c constant) judge(_ arrow.RecordBatch, out []verdict) {
	for i := range out {
		out[i] = verdict(c)
	}
}

// A nullTest is IS NULL or, negated, IS NOT NULL.
type nullTest struct {
	column int
	not    bool
}

func (n nullTest) judge(rec arrow.RecordBatch, out []verdict) {
	c := rec.Column(n.column)
	for i := range out {
		out[i] = truth(c.IsNull(i) != n.not)
	}
}

func truth(b bool) verdict {
	if b {
		return yes
	}
	return no
}

// A leaf tests the values of a column.
type leaf struct {
	column int
	not    bool
	test   tester
}

// A tester says of each row whether its value passes; those of NULLs do not
// count.
type tester func(values arrow.Array, pass []verdict)

func (l *leaf) judge(rec arrow.RecordBatch, out []verdict) {
	c := rec.Column(l.column)
	l.test(c, out)
	if l.not {
		for i, v := range out {
			out[i] = yes - v
		}
	}
	if c.NullN() == 0 {
		return
	}
	for i := range out {
		if c.IsNull(i) {
			out[i] = unknown
		}
	}
}

func (b *binder) leaf(c *Condition, not bool) (node, error) {
	i := slices.IndexFunc(b.columns, func(col Column) bool { return col.Name == c.Column })
	switch {
	case i < 0 && b.absent == unknown && c.Test == TestIsNull:
		return constant(truth(!not)), nil
	case i < 0:
		return constant(b.absent), nil
	case c.Test == TestIsNull:
		return nullTest{i, not}, nil
	}
	t := b.columns[i].Type
	if err := c.fits(t); err != nil {
		return nil, err
	}
	l := &leaf{column: i, not: not}
	switch {
	case t.Kind == Unspecified:
		return constant(unknown), nil
	case t.Kind == Boolean:
		l.test = c.booleans()
	case t.Kind == Float || t.Kind == Double:
		l.test = c.floats(t)
	case t.Unbounded():
		l.test = c.decimals()
	case t.Kind == String:
		l.test = c.texts()
	default:
		l.test = c.integers(t)
	}
	return l, nil
}

// each makes a tester of a function that tests one value.
func each[T any, A interface {
	arrow.Array
	Value(int) T
}](test func(T) bool) tester {
	return func(values arrow.Array, pass []verdict) {
		a := values.(A)
		for i := range pass {
			pass[i] = truth(test(a.Value(i)))
		}
	}
}

func (c *Condition) booleans() tester {
	var pass [2]bool
	for _, v := range c.Values {
		pass[boolInt(v.Text == "TRUE")] = true
	}
	switch c.Test {
	case TestTrue:
		pass[1] = true
	case TestUnequal:
		pass[0], pass[1] = !pass[0], !pass[1]
	}
	return each[bool, *array.Boolean](func(v bool) bool { return pass[boolInt(v)] })
}

// holds reports whether a comparison holds for values that compare like that.
func (op TestOp) holds(order int) bool {
	switch op {
	case TestEqual:
		return order == 0
	case TestUnequal:
		return order != 0
	case TestLess:
		return order < 0
	case TestAtMost:
		return order <= 0
	case TestMore:
		return order > 0
	}
	return order >= 0
}

// ordered returns the test of one value by a function that compares it with
// the condition's values.
func ordered[T any](c *Condition, compare func(v T, with int) int) func(T) bool {
	switch c.Test {
	case TestBetween:
		return func(v T) bool { return compare(v, 0) >= 0 && compare(v, 1) <= 0 }
	case TestIn:
		return func(v T) bool {
			for i := range c.Values {
				if compare(v, i) == 0 {
					return true
				}
			}
			return false
		}
	}
	return func(v T) bool { return c.Test.holds(compare(v, 0)) }
}

func (c *Condition) floats(t Type) tester {
	with := make([]float64, len(c.Values))
	for i, v := range c.Values {
		with[i], _ = v.float(t) // it fits
	}
	test := ordered(c, func(v float64, i int) int { return compareFloats(v, with[i]) })
	if t.Kind == Float {
		return each[float32, *array.Float32](func(v float32) bool { return test(float64(v)) })
	}
	return each[float64, *array.Float64](test)
}

func (c *Condition) decimals() tester {
	with := make([]string, len(c.Values))
	for i, v := range c.Values {
		n, _ := parseNumber(v.Text)
		with[i] = n.plain()
	}
	return each[string, *array.String](ordered(c, func(v string, i int) int { return compareDecimals(v, with[i]) }))
}

func (c *Condition) texts() tester {
	var test func(string) bool
	switch c.Test {
	case TestLike:
		test = likePattern(c.Values[0].Text).matches
	case TestIn:
		set := map[string]bool{}
		for _, v := range c.Values {
			set[v.Text] = true
		}
		test = func(v string) bool { return set[v] }
	case TestEqual, TestUnequal:
		with, want := c.Values[0].Text, c.Test == TestEqual
		test = func(v string) bool { return (v == with) == want }
	default:
		test = ordered(c, func(v string, i int) int { return strings.Compare(v, c.Values[i].Text) })
	}
	return each[string, *array.String](test)
}

// A span is the integers from lo to hi; none if lo is greater. nil has no
// bound.
type span struct{ lo, hi *big.Int }

// within returns what of s is from lo to hi.
func (s span) within(lo, hi *big.Int) span {
	if s.lo != nil && s.lo.Cmp(lo) > 0 {
		lo = s.lo
	}
	if s.hi != nil && s.hi.Cmp(hi) < 0 {
		hi = s.hi
	}
	return span{lo, hi}
}

// empty reports whether there are none, of a span with bounds.
func (s span) empty() bool { return s.lo.Cmp(s.hi) > 0 }

// spanOf returns the integers for which a comparison with a literal holds.
// Unequal is the opposite of Equal, and is left to the caller.
func spanOf(op TestOp, v Literal, t Type) span {
	floor, exact, _ := v.units(t) // it fits
	above := new(big.Int).Add(floor, big.NewInt(1))
	below := floor
	if exact {
		below = new(big.Int).Sub(floor, big.NewInt(1))
	}
	from := above
	if exact {
		from = floor
	}
	switch op {
	case TestLess:
		return span{nil, below}
	case TestAtMost:
		return span{nil, floor}
	case TestMore:
		return span{above, nil}
	case TestAtLeast:
		return span{from, nil}
	}
	return span{from, floor} // empty if no integer is equal
}

// spans returns the integers that pass, of a column of type t that integers
// carry.
func (c *Condition) spans(t Type) []span {
	switch c.Test {
	case TestBetween:
		return []span{{spanOf(TestAtLeast, c.Values[0], t).lo, spanOf(TestAtMost, c.Values[1], t).hi}}
	case TestIn:
		var out []span
		for _, v := range c.Values {
			out = append(out, spanOf(TestEqual, v, t))
		}
		return out
	}
	op := c.Test
	if op == TestUnequal {
		op = TestEqual
	}
	return []span{spanOf(op, c.Values[0], t)}
}

// integers tests values that are carried by integers: dates, times and
// decimals of a certain size, too.
func (c *Condition) integers(t Type) tester {
	spans := c.spans(t)
	var test tester
	switch t.Kind {
	case Decimal:
		test = decimals128(spans)
	case Short:
		test = within[int16, *array.Int16](spans)
	case Int:
		test = within[int32, *array.Int32](spans)
	case Long:
		test = within[int64, *array.Int64](spans)
	case Date:
		test = within[arrow.Date32, *array.Date32](spans)
	case Time:
		test = within[arrow.Time64, *array.Time64](spans)
	default:
		test = within[arrow.Timestamp, *array.Timestamp](spans)
	}
	if c.Test != TestUnequal {
		return test
	}
	return func(values arrow.Array, pass []verdict) {
		test(values, pass)
		for i, v := range pass {
			pass[i] = yes - v
		}
	}
}

// within tests for integers up to 64 bits.
func within[T ~int16 | ~int32 | ~int64, A interface {
	arrow.Array
	Value(int) T
}](spans []span) tester {
	var in [][2]int64
	for _, s := range spans {
		if s = s.within(minLong, maxLong); !s.empty() {
			in = append(in, [2]int64{s.lo.Int64(), s.hi.Int64()})
		}
	}
	switch {
	case len(in) == 1:
		lo, hi := in[0][0], in[0][1]
		return each[T, A](func(v T) bool { return lo <= int64(v) && int64(v) <= hi })
	case len(in) <= 8:
		return each[T, A](func(v T) bool {
			return slices.ContainsFunc(in, func(s [2]int64) bool { return s[0] <= int64(v) && int64(v) <= s[1] })
		})
	}
	set := map[int64]bool{} // only In has so many, of one integer each
	for _, s := range in {
		set[s[0]] = true
	}
	return each[T, A](func(v T) bool { return set[int64(v)] })
}

// decimals128 tests for decimals up to 128 bits.
func decimals128(spans []span) tester {
	var in [][2]decimal128.Num
	for _, s := range spans {
		if s = s.within(minDecimal, maxDecimal); !s.empty() {
			in = append(in, [2]decimal128.Num{decimal128.FromBigInt(s.lo), decimal128.FromBigInt(s.hi)})
		}
	}
	return each[decimal128.Num, *array.Decimal128](func(v decimal128.Num) bool {
		for i := range in {
			if !v.Less(in[i][0]) && !in[i][1].Less(v) {
				return true
			}
		}
		return false
	})
}

// The bounds of what a decimal128 may hold.
var (
	maxDecimal = new(big.Int).Exp(big.NewInt(10), big.NewInt(MaxPrecision), nil)
	minDecimal = new(big.Int).Neg(maxDecimal)
)

// A pattern is what LIKE matches with: pieces with any run of characters
// between them, and before the first or after the last where that is empty.
type pattern struct{ pieces []piece }

// A piece is characters that follow each other; -1 is any.
type piece struct {
	chars []rune
	text  string // the same, if all of them are meant literally
	plain bool
}

func likePattern(s string) *pattern {
	p := &pattern{pieces: []piece{{plain: true}}}
	literal := false
	for _, c := range s {
		last := &p.pieces[len(p.pieces)-1]
		switch {
		case literal:
			literal = false
			last.add(c)
		case c == '\\':
			literal = true
		case c == '%':
			p.pieces = append(p.pieces, piece{plain: true})
		case c == '_':
			last.add(-1)
			last.plain = false
		default:
			last.add(c)
		}
	}
	return p
}

func (p *piece) add(c rune) {
	p.chars = append(p.chars, c)
	if c >= 0 {
		p.text += string(c)
	}
}

// matches takes the first piece from the beginning of s, the last from its
// end, and each other one where it is found first.
func (p *pattern) matches(s string) bool {
	first, last := p.pieces[0], p.pieces[len(p.pieces)-1]
	s, ok := first.cut(s)
	if !ok || len(p.pieces) == 1 {
		return ok && s == ""
	}
	for _, m := range p.pieces[1 : len(p.pieces)-1] {
		if s, ok = m.find(s); !ok {
			return false
		}
	}
	return last.ends(s)
}

// cut returns what follows the piece at the beginning of s.
func (p *piece) cut(s string) (rest string, ok bool) {
	if p.plain {
		return strings.CutPrefix(s, p.text)
	}
	for _, want := range p.chars {
		c, size := utf8.DecodeRuneInString(s)
		if size == 0 || want >= 0 && c != want {
			return s, false
		}
		s = s[size:]
	}
	return s, true
}

// find returns what follows the piece where it is found first in s.
func (p *piece) find(s string) (rest string, ok bool) {
	if p.plain {
		i := strings.Index(s, p.text)
		if i < 0 {
			return s, false
		}
		return s[i+len(p.text):], true
	}
	for {
		if rest, ok := p.cut(s); ok {
			return rest, true
		}
		_, size := utf8.DecodeRuneInString(s)
		if size == 0 {
			return s, false
		}
		s = s[size:]
	}
}

func (p *piece) ends(s string) bool {
	if p.plain {
		return strings.HasSuffix(s, p.text)
	}
	from := len(s)
	for range p.chars {
		_, size := utf8.DecodeLastRuneInString(s[:from])
		from -= size
	}
	rest, ok := p.cut(s[from:])
	return ok && rest == ""
}
