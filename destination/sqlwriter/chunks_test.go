package sqlwriter

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestChunks(t *testing.T) {
	var got []byte
	c := Feed(t.Context(), func(_ context.Context, c *Chunks) (err error) {
		got, err = io.ReadAll(c)
		return err
	})
	want := ""
	for i := range 20 {
		words := strings.Repeat(string(rune('a'+i)), i*1000)
		want += words
		if err := c.Send(t.Context(), append(c.Empty(), words...)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.End(t.Context(), append(c.Empty(), "last"...)); err != nil || string(got) != want+"last" {
		t.Errorf("%v; got %d bytes, want %d", err, len(got), len(want)+4)
	}
}

// A load that has ended takes no more, and says why.
func TestChunksEndEarly(t *testing.T) {
	broken := errors.New("broken")
	for _, why := range []error{broken, nil} {
		c := Feed(t.Context(), func(context.Context, *Chunks) error { return why })
		var err error
		for range 10 { // some wait in vain
			if err = c.Send(t.Context(), c.Empty()); err != nil {
				break
			}
		}
		if err == nil || why != nil && !errors.Is(err, why) {
			t.Errorf("got %v, want %v", err, why)
		}
		c.Abort()
	}
}

func TestChunksGivenUp(t *testing.T) {
	wait := func(_ context.Context, c *Chunks) error {
		_, err := io.ReadAll(c)
		return err
	}
	c := Feed(t.Context(), wait)
	c.Abort()
	if _, err := c.Next(); !errors.Is(err, errStopped) {
		t.Errorf("after Abort: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	stuck := Feed(ctx, func(ctx context.Context, _ *Chunks) error { <-ctx.Done(); return ctx.Err() })
	cancel()
	if err := stuck.End(ctx, []byte("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("a load whose sync is given up: %v", err)
	}
}
