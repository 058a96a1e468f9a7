package postgres

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"
)

// streamed is a message of a transaction that has not ended.
func streamed(kind byte, xid uint32, text string) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{kind}, xid), text...)
}

func TestSpool(t *testing.T) {
	var s spool
	add := func(xid uint32, msgs ...[]byte) {
		t.Helper()
		f, err := s.open(xid)
		for _, m := range msgs {
			if err == nil {
				err = s.add(f, m)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	replayed := func(xid uint32) string {
		t.Helper()
		var all []string
		if err := s.replay(xid, func(m []byte) error { all = append(all, string(m)); return nil }); err != nil {
			t.Fatal(err)
		}
		return strings.Join(all, " ")
	}
	add(1, streamed('R', 1, "a"), streamed('I', 1, "1"))
	add(2, streamed('R', 2, "a"), streamed('I', 2, "other"))
	add(1, streamed('I', 11, "2"), streamed('R', 12, "b"), streamed('I', 12, "3"), streamed('I', 11, "4"))
	for _, sub := range []uint32{11, 12, 99} { // 12 is within 11
		if err := s.abort(1, sub); err != nil {
			t.Fatal(err)
		}
	}
	add(1, streamed('I', 13, "5"), streamed('I', 14, strings.Repeat("x", 1<<20)))
	if err := s.abort(1, 14); err != nil {
		t.Fatal(err)
	}
	add(1, streamed('U', 1, "6"))
	if got, want := replayed(1), "Ra I1 Rb I5 U6"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := errors.Join(s.abort(2, 2), s.abort(7, 7)); err != nil {
		t.Fatal(err)
	}
	if got := replayed(2); got != "" || s.bytes != 0 {
		t.Errorf("got %q of a transaction that was rolled back, %d bytes are left", got, s.bytes)
	}
	add(3, streamed('I', 3, "never"))
	s.bytes = maxSpool
	f, err := s.open(3)
	if err == nil {
		err = s.add(f, streamed('I', 3, "too much"))
	}
	if !errors.Is(err, errSpool) {
		t.Errorf("beyond its limit it says %v", err)
	}
	s.clear()
	if len(s.txns) != 0 {
		t.Error("transactions are left")
	}
}
