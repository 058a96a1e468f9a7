package postgres

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

// golden are messages of a server of version 15, and what they say.
var golden = []struct{ name, bytes, says string }{
	{"begin", "42 000000000152e4c0 0002fd1d0c3f8a2b 000002f1", "begin 0/152E4C0 753 841251154790955"},
	{"commit", "43 00 000000000152e4c0 000000000152e4f0 0002fd1d0c3f8a2b", "commit 0/152E4F0"},
	{"relation", "52 00004001 7075626c696300 6974656d00 64 0002 01 696400 00000017 ffffffff 00 6e616d6500 00000019 ffffffff",
		"relation 16385 d [{true id 23} {false name 25}]"},
	{"insert", "49 00004001 4e 0002 74 00000001 31 74 00000003 616263", "insert 16385 whole=false old=[] new=[t1 tabc]"},
	{"insert of null", "49 00004001 4e 0002 74 00000001 31 6e", "insert 16385 whole=false old=[] new=[t1 n]"},
	{"update", "55 00004001 4e 0002 74 00000001 31 75", "update 16385 whole=false old=[] new=[t1 u]"},
	{"update of the key", "55 00004001 4b 0002 74 00000001 31 6e 4e 0002 74 00000001 32 74 00000000", "update 16385 whole=false old=[t1 n] new=[t2 t]"},
	{"update with the row before", "55 00004001 4f 0001 62 00000002 0001 4e 0001 62 00000002 0002", "update 16385 whole=true old=[b\x00\x01] new=[b\x00\x02]"},
	{"delete", "44 00004001 4b 0002 74 00000001 31 6e", "delete 16385 whole=false old=[t1 n] new=[]"},
	{"truncate", "54 00000002 01 00004001 00004002", "truncate [16385 16386]"},
	{"stream commit", "63 000002f1 00 000000000152e4c0 000000000152e4f0 0002fd1d0c3f8a2b", "stream commit 0/152E4F0 753 0/152E4C0"},
}

// read says what a message says.
func read(msg []byte) (string, error) {
	c := cursor{b: msg}
	show := func(t []datum) (out []string) {
		for _, d := range t {
			out = append(out, string(d.kind)+string(d.data))
		}
		return out
	}
	switch kind := c.uint8(); kind {
	case msgBegin:
		b, err := c.begin()
		return fmt.Sprint("begin ", b.commit, " ", b.xid, " ", b.time), err
	case msgCommit:
		end, err := c.commitEnd()
		return fmt.Sprint("commit ", end), err
	case msgRelation:
		d, err := c.relation()
		return fmt.Sprintf("relation %d %c %v", d.oid, d.identity, d.columns), err
	case msgInsert, msgUpdate, msgDelete:
		ch := change{old: make([]datum, 1), now: make([]datum, 5)} // of the message before
		err := c.change(kind, &ch)
		name := map[byte]string{msgInsert: "insert", msgUpdate: "update", msgDelete: "delete"}[kind]
		return fmt.Sprintf("%s %d whole=%v old=%s new=%s", name, ch.oid, ch.whole, show(ch.old), show(ch.now)), err
	case msgTruncate:
		oids, err := c.truncate()
		return fmt.Sprint("truncate ", oids), err
	case msgStreamCommit:
		b, end, err := c.streamCommit()
		return fmt.Sprint("stream commit ", end, " ", b.xid, " ", b.commit), err
	}
	return "", errProtocol
}

func TestMessages(t *testing.T) {
	for _, g := range golden {
		msg, err := hex.DecodeString(strings.ReplaceAll(g.bytes, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := read(msg); got != g.says || err != nil {
			t.Errorf("%s says %q, %v, want %q", g.name, got, err, g.says)
		}
		for n := range msg { // what is cut off is an error
			if got, err := read(msg[:n]); err == nil {
				t.Errorf("%d bytes of %s say %q", n, g.name, got)
			}
		}
		if got, err := read(append(msg, 0)); err == nil {
			t.Errorf("%s with more says %q", g.name, got)
		}
	}
}

// FuzzMessages looks for messages that are more than an error.
func FuzzMessages(f *testing.F) {
	for _, g := range golden {
		msg, _ := hex.DecodeString(strings.ReplaceAll(g.bytes, " ", ""))
		f.Add(msg)
	}
	f.Fuzz(func(_ *testing.T, msg []byte) { read(msg) })
}

func TestPosition(t *testing.T) {
	for _, s := range []string{"0/0", "0/152E4C0", "16/B374D848", "FFFFFFFF/FFFFFFFF"} {
		p, err := parsePosition(s)
		if err != nil || p.String() != s {
			t.Errorf("%s became %s, %v", s, p, err)
		}
	}
	for _, s := range []string{"", "0", "/", "x/1", "0/100000000"} {
		if p, err := parsePosition(s); err == nil {
			t.Errorf("%q became %s", s, p)
		}
	}
}

func TestVisibility(t *testing.T) {
	var v visibility
	if err := v.UnmarshalText([]byte("10:20:12,15")); err != nil || v.String() != "10:20:12,15" {
		t.Fatal(v, err)
	}
	for xid, want := range map[uint64]bool{9: true, 10: true, 12: false, 13: true, 15: false, 19: true, 20: false, 30: false} {
		if got := v.sees(xid); got != want {
			t.Errorf("sees %d: %v", xid, got)
		}
	}
	for text, want := range map[string]bool{
		"10:20:12,15": true, "12:20:12,15": true, "10:18:10,12,15": true, "10:20:15": false, "10:21:12,15": false, "5:12:": true, "5:13:": false,
	} {
		var w visibility
		if err := w.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if got := v.covers(&w); got != want {
			t.Errorf("covers %s: %v", text, got)
		}
	}
	for _, text := range []string{"", "1:2", "a:2:", "1:b:", "1:2:x"} {
		if new(visibility).UnmarshalText([]byte(text)) == nil {
			t.Errorf("%q is taken for a snapshot", text)
		}
	}
	for _, c := range []struct{ other, want uint64 }{{5, 7}, {1<<32 + 5, 1<<32 + 7}, {1<<32 - 5, 1<<32 + 7}, {2<<32 + 7 + 1<<31 - 1, 2<<32 + 7}} {
		if got := near(c.other, 7); got != c.want {
			t.Errorf("7 near %d is %d, want %d", c.other, got, c.want)
		}
	}
}
