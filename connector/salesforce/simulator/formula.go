package simulator

import (
	"math/big"
	"strings"
	"time"
)

// A computed field is written in Go, each by itself: what the vendor's formulas
// come to is then known without anything that reads formulas. Fields that are
// not here come to a constant.
type computed func(r *record) value

// Zone is the time zone of the user who logs in.
const Zone = "America/Los_Angeles"

var zone = func() *time.Location {
	l, err := time.LoadLocation(Zone)
	if err != nil {
		panic(err)
	}
	return l
}()

// A record is a row as formulas see it.
type record struct {
	view *view
	row  *row
}

// computes are the computed fields, by object.
var computes = map[string]map[string]computed{"Invoice__c": {
	"Total__c": invoiceTotal,
	"Label__c": func(r *record) value {
		return textOf(r.text("Name") + " (" + r.text("Pages__c") + ")")
	},
	"Customer__c": func(r *record) value {
		account := r.follow("Account__c")
		return textOf(account.text("Name") + " / " + account.follow("OwnerId").text("Name"))
	},
	"Share__c": func(r *record) value {
		weight := r.number("Weight__c")
		if weight.Sign() == 0 {
			return value{kind: decimal, scale: 2}
		}
		weight = weight.Abs(weight)
		share := new(big.Rat).Quo(r.number("Exact__c"), weight.Add(weight, big.NewRat(1, 1)))
		return rounded(share.Mul(share, big.NewRat(100, 1)), 2) // percent
	},
	"Is_Large__c": func(r *record) value {
		total := invoiceTotal(r)
		return boolOf(total.kind != null && total.rat().Cmp(big.NewRat(1000, 1)) > 0 && r.text("Kind__c") != "One")
	},
	"Days_Late__c": func(r *record) value {
		paid, due := r.get("Paid_At__c"), r.get("Due__c")
		if paid.kind == null {
			return value{kind: decimal}
		}
		if due.kind == null {
			return value{}
		}
		y, m, d := time.UnixMilli(paid.num).In(zone).Date()
		return value{kind: decimal, num: days(y, m, d) - due.num}
	},
	"Weekday__c": func(r *record) value {
		due := r.get("Due__c")
		if due.kind == null || due.num < days(1900, 1, 7) {
			return textOf("?")
		}
		return textOf(time.Unix(due.num*86400, 0).UTC().Weekday().String())
	},
	"Next_Due__c": func(r *record) value {
		due := r.get("Due__c")
		if due.kind == null {
			return value{}
		}
		t := time.Unix(due.num*86400, 0).UTC()
		last := time.Date(t.Year(), t.Month()+2, 0, 0, 0, 0, 0, time.UTC)
		if t.AddDate(0, 0, 1).Day() > 1 && t.Day() < last.Day() {
			last = last.AddDate(0, 0, t.Day()-last.Day())
		}
		return value{kind: date, num: last.Unix() / 86400}
	},
	"Link__c": func(r *record) value {
		account := r.text("Account__c")
		return textOf(`<a href="/` + account[:min(15, len(account))] + `" target="_blank">` + r.follow("Account__c").text("Name") + "</a>")
	},
}}

func invoiceTotal(r *record) value {
	if r.get("Exact__c").kind == null {
		return value{}
	}
	return rounded(new(big.Rat).Mul(r.number("Exact__c"), big.NewRat(119, 100)), 2)
}

func (r *record) get(field string) value {
	if r == nil {
		return value{}
	}
	return r.view.value(r.row, field)
}

func (r *record) text(field string) string {
	v := r.get(field)
	if v.kind == null {
		return ""
	}
	return v.String()
}

// number returns a number, 0 for null.
func (r *record) number(field string) *big.Rat {
	v := r.get(field)
	if v.kind == null {
		return new(big.Rat)
	}
	return v.rat()
}

// follow returns the record that a reference leads to, nil if to none, or to
// one that is deleted.
func (r *record) follow(field string) *record {
	v := r.get(field)
	if v.kind != id || r.view.sn == nil {
		return nil
	}
	to := r.view.sn.byPrefix[v.text]
	if to == nil {
		return nil
	}
	next, ok := to.row(v.num)
	if !ok || next.deleted {
		return nil
	}
	return &record{to, &next}
}

// rounded returns a number with a few digits, half of one rounded away from 0.
func rounded(x *big.Rat, scale int) value {
	n, _ := new(big.Int).SetString(strings.Replace(x.FloatString(scale), ".", "", 1), 10)
	return value{kind: decimal, num: n.Int64(), scale: uint8(scale)}
}
