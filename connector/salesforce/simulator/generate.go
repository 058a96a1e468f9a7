package simulator

import (
	"slices"
	"strings"
	"time"

	"github.com/penstock-data/penstock/connector/simulate"
)

// A generator computes what a field of a row has been from the first.
type generator func(r *row) value

// chance returns a number that depends on the row and on what it is for.
func (t *table) chance(n, what int64) uint64 { return simulate.Chance(t.seed, t.ns, n, what) }

var (
	firstNames = []string{"Ada", "Grace", "José", "Zoë", "Łukasz", "Nguyễn", "Søren", "李", "Олена", "O'Neil", "Mary Ann"}
	lastNames  = []string{"Lovelace", "Hopper", "Müller-Lüdenscheidt", "Okafor", "D'Angelo", "山田", "Ó Briain", "van der Berg", "Smith", "null", "García"}
	companies  = []string{"Acme \x00", "Müller & Söhne \x00 GmbH", "\"Quoted\" \x00 Ltd.", "株式会社 \x00", "Comma, Inc. \x00", "Semi;colon \x00", "Globex \x00"}
	cities     = []string{"San Francisco", "São Paulo", "Zürich", "東京", "Reykjavík", "L'Aquila"}
	streets    = []string{"1 Market St", "12 Rue de l'Église\r\nBâtiment B", "Hauptstraße 7", "中央区 3-1", "c/o \"The Mill\"\nUnit \x00"}
	sentences  = []string{
		"Met at the fair.", "First line\nsecond line", "CRLF\r\nhere, and a comma", "She said \"no\", twice.", "Ünïcödé — 日本語 🚀",
		"back\\slash and\ttab", "trailing newline\n", "'single' quotes", "<p>markup &amp; more</p>", "=1+1", "Row \x00", "; | ` ^",
	}
	days = func(y int, m time.Month, d int) int64 {
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400
	}
	firstDay, lastDay = days(1700, 1, 1), days(4000, 12, 31) // the vendor's earliest and latest
)

// generator returns the generator of a field, which goes by its name, else by
// its type. Where a field may be null, one row in five is.
func (t *table) generator(f *Field) generator {
	if g := t.system(f); g != nil {
		return g
	}
	if f.Calculated {
		return t.formula(f)
	}
	if f.Name == "Name" && t.object.field("LastName") != nil {
		return t.fullName()
	}
	subject := int64(0)
	for _, c := range []byte(f.Name) {
		subject = subject*131 + int64(c)
	}
	g := t.byType(f)
	if g == nil {
		return nil
	}
	key := t.chance(0, subject)
	if f.Nillable != nil && !*f.Nillable || f.Type == "boolean" {
		return func(r *row) value { return g(r.n, simulate.Mix(key, r.n)) }
	}
	return func(r *row) value {
		x := simulate.Mix(key, r.n)
		if x>>56%5 == 0 {
			return value{}
		}
		return g(r.n, x)
	}
}

// A draw makes a value of a row's number and of chance.
type draw func(n int64, x uint64) value

// system returns the generator of a field that the vendor keeps itself.
func (t *table) system(f *Field) generator {
	switch f.Name {
	case "Id":
		prefix := t.object.KeyPrefix
		return func(r *row) value { return value{kind: id, text: prefix, num: r.n} }
	case "IsDeleted":
		return func(r *row) value { return boolOf(r.deleted) }
	case "CreatedDate", "LoginTime":
		return func(r *row) value { return timeOf(r.created) }
	case "LastModifiedDate":
		return func(r *row) value { return timeOf(r.modified) }
	case "SystemModstamp":
		return func(r *row) value { return timeOf(r.modified) }
	}
	return nil
}

// formula returns a constant, for formulas that are not computed: what they
// come to does not matter then, but that it may change without any timestamp's
// changing does.
func (t *table) formula(f *Field) generator {
	v := textOf("computed")
	switch f.kind() {
	case boolean:
		v = boolOf(true)
	case integer:
		v = value{kind: integer, num: 42}
	case decimal:
		v = value{kind: decimal, num: 4242, scale: 2}
	case date:
		v = value{kind: date, num: days(2026, 1, 1)}
	case datetime:
		v = timeOf(days(2026, 1, 1) * msPerDay)
	}
	return func(*row) value { return v }
}

func (t *table) byType(f *Field) draw {
	switch f.Type {
	case "reference":
		return t.reference(f)
	case "boolean":
		return func(n int64, x uint64) value { return boolOf(x&1 == 1) }
	case "int", "long":
		return func(n int64, x uint64) value { return value{kind: integer, num: int64(x%2000) - 100} }
	case "double", "currency", "percent":
		return number(f)
	case "date":
		return func(n int64, x uint64) value { return value{kind: date, num: someDay(x)} }
	case "datetime":
		return func(n int64, x uint64) value { return timeOf(someDay(x)*msPerDay + int64(x>>20%86400_000)) }
	case "time":
		return func(n int64, x uint64) value { return value{kind: clock, num: int64(x % uint64(msPerDay))} }
	case "picklist", "combobox":
		return picklist(f)
	case "multipicklist":
		return multipicklist(f)
	case "email":
		return func(n int64, x uint64) value { return value{kind: text, text: "someone\x00@example.com", num: n} }
	case "url":
		return func(n int64, x uint64) value {
			return value{kind: text, text: "https://example.com/?a=1&b=\x00", num: n}
		}
	case "phone":
		return func(n int64, x uint64) value { return value{kind: text, text: "+1 (415) 555-\x00", num: 1000 + n%9000} }
	case "encryptedstring":
		return func(n int64, x uint64) value { return textOf("********") }
	case "base64":
		return func(n int64, x uint64) value {
			return textOf("/services/data/v63.0/sobjects/" + t.object.Name + "/" + f.Name)
		}
	case "address", "location":
		return nil
	}
	return t.words(f)
}

// someDay returns a day near 2020, in one case of fifty one of the extremes.
func someDay(x uint64) int64 {
	switch x % 100 {
	case 0:
		return firstDay
	case 1:
		return lastDay
	}
	return days(2010, 1, 1) + int64(x>>8%7000)
}

// number returns numbers with as many digits as the field may have, of which
// most are small.
func number(f *Field) draw {
	scale := min(f.Scale, 18)
	size := uint64(1)
	for range min(max(f.Precision, scale+1), 18) {
		size *= 10
	}
	if strings.Contains(f.Name, "Latitude") || strings.Contains(f.Name, "Longitude") {
		scale, size = 6, 90_000_000
	}
	small := min(size, 1_000_000)
	return func(n int64, x uint64) value {
		v := value{kind: decimal, num: int64(x >> 8 % small), scale: uint8(scale)}
		switch x & 15 {
		case 0:
			v.num = int64(x >> 4 % size)
		case 1:
			v.num = int64(size - 1) // all nines
		case 2:
			v.num = -v.num
		case 3:
			v.num = 0
		}
		return v
	}
}

func picklist(f *Field) draw {
	if len(f.PicklistValues) == 0 {
		return func(int64, uint64) value { return textOf("Other") }
	}
	return func(n int64, x uint64) value { return textOf(f.PicklistValues[x%uint64(len(f.PicklistValues))].Value) }
}

func multipicklist(f *Field) draw {
	if len(f.PicklistValues) == 0 {
		return func(int64, uint64) value { return textOf("A;B") }
	}
	n := min(len(f.PicklistValues), 4)
	sets := make([]string, 1<<n)
	for i := range sets {
		var some []string
		for j := range n {
			if i>>j&1 == 1 {
				some = append(some, f.PicklistValues[j].Value)
			}
		}
		sets[i] = strings.Join(some, ";")
	}
	return func(n int64, x uint64) value { return textOf(sets[x%uint64(len(sets))]) }
}

// words returns texts: names where the field's name says so.
func (t *table) words(f *Field) draw {
	list := sentences
	switch {
	case f.Name == "FirstName":
		list = firstNames
	case f.Name == "LastName":
		list = lastNames
	case f.Name == "Name", f.Name == "Company", f.Name == "CompanyName":
		list = companies
	case f.Name == "Username":
		list = []string{"user\x00@example.com"}
	case strings.HasSuffix(f.Name, "Street"):
		list = streets
	case strings.HasSuffix(f.Name, "City"):
		list = cities
	case f.Length > 0 && f.Length < 40:
		list = []string{"\x00", "N-\x00", "ß\x00"}
	}
	return func(n int64, x uint64) value { return value{kind: text, text: list[x%uint64(len(list))], num: n} }
}

// fullName returns the names that make up a compound one.
func (t *table) fullName() generator {
	gens := map[string]generator{}
	for _, name := range []string{"FirstName", "LastName"} {
		if f := t.object.field(name); f != nil {
			gens[name] = t.generator(f)
		}
	}
	part := func(r *row, name string) string {
		if v, ok := r.values[name]; ok {
			return v.String()
		}
		if g := gens[name]; g != nil {
			v := g(r)
			return v.String()
		}
		return ""
	}
	return func(r *row) value { return textOf(strings.TrimSpace(part(r, "FirstName") + " " + part(r, "LastName"))) }
}

// reference returns ids of the first known object that the field refers to. Rows of
// objects that the org does not have are referred to all the same.
func (t *table) reference(f *Field) draw {
	i := slices.IndexFunc(f.ReferenceTo, func(o string) bool { return prefixes[o] != "" })
	if i < 0 {
		return nil
	}
	target, self := prefixes[f.ReferenceTo[i]], f.ReferenceTo[i] == t.object.Name
	return func(n int64, x uint64) value {
		to := int64(x%7) + 1
		if self {
			to = max(1, n/3)
		} else if target == "001" {
			to = int64(x%40) + 1
		}
		return value{kind: id, text: target, num: to}
	}
}

// prefixes are the first three characters of objects' ids (the vendor's list
// of key prefixes; Invoice__c's is any that custom objects may have).
var prefixes = map[string]string{
	"Account": "001", "Contact": "003", "User": "005", "Opportunity": "006", "UserRole": "00E", "Profile": "00e", "RecordType": "012",
	"Group": "00G", "Lead": "00Q", "Case": "500", "Campaign": "701", "Order": "801", "Contract": "800", "Pricebook2": "01s",
	"PricebookEntry": "01u", "Product2": "01t", "Task": "00T", "Event": "00U", "Organization": "00D",
}
