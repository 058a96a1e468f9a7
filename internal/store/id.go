package store

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"math/big"
	"strings"
	"time"
)

//go:embed words.txt
var wordFile string

// words make the ids that people say to each other: two of them make 2.5
// million ids.
var words = strings.Fields(wordFile)

// wordID returns two words, such as iodize_impressive.
func wordID() string { return word() + "_" + word() }

func word() string {
	n, err := rand.Int(rand.Reader, big.NewInt(int64(len(words))))
	if err != nil {
		panic(err) // crypto/rand never fails
	}
	return words[n.Int64()]
}

// timeID returns an id that nobody else makes; later ones sort after earlier
// ones.
func timeID(t time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], uint64(t.UnixMilli())<<16)
	rand.Read(b[6:])
	return strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))
}

// withID gives *id a fresh two-word id if it is empty, and calls insert until
// the id is not taken.
func withID(ctx context.Context, s *Store, table string, id *string, insert func() error) error {
	if *id != "" {
		return insert()
	}
	for range 100 {
		*id = wordID()
		taken, err := s.taken(ctx, table, *id)
		if err != nil {
			return err
		}
		if taken {
			continue
		}
		if err = insert(); !errors.Is(err, ErrExists) {
			return err
		}
		// Either somebody took the id just now, or another column clashes.
		if again, err2 := s.taken(ctx, table, *id); err2 != nil || !again {
			*id = ""
			return errors.Join(err, err2)
		}
	}
	*id = ""
	return errors.New("no free id found")
}

func (s *Store) taken(ctx context.Context, table, id string) (bool, error) {
	var n int
	err := s.write.QueryRowContext(ctx, `select count(*) from `+table+` where id = $1`, id).Scan(&n)
	return n > 0, err
}
