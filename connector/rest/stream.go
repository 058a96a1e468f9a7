package rest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/klauspost/compress/gzip"
)

// Open makes a request as Do does and returns the answer as soon as it begins.
// The caller closes the body, which may be of any length; it fails if nothing
// of it comes for two minutes, or when ctx ends.
func (c *Client) Open(ctx context.Context, q Request) (res *http.Response, err error) {
	err = c.repeat(ctx, q, func(c *Client, u *url.URL) (wait time.Duration, err error) {
		ctx, cancel := context.WithCancelCause(ctx)
		idle := time.AfterFunc(attemptLimit, func() { cancel(errIdle) })
		q.Header = q.Header.Clone() // the transport's own decompression takes twice as long
		if q.Header == nil {
			q.Header = http.Header{}
		}
		q.Header.Set("Accept-Encoding", "gzip")
		if res, wait, err = c.send(ctx, u, q); err != nil {
			idle.Stop()
			cancel(nil)
			return wait, err
		}
		res.Body = &stream{ReadCloser: res.Body, ctx: ctx, idle: idle, cancel: cancel}
		return 0, unzip(res)
	})
	return res, err
}

// unzip lets the body of an answer be read as it was before it was compressed.
func unzip(res *http.Response) error {
	if res.Header.Get("Content-Encoding") != "gzip" {
		return nil
	}
	z, err := gzip.NewReader(res.Body)
	if err != nil {
		res.Body.Close()
		return err
	}
	res.Body = &unzipped{z, res.Body}
	return nil
}

// unzipped is the body of an answer that came compressed.
type unzipped struct {
	*gzip.Reader
	below io.Closer
}

func (u *unzipped) Close() error { return errors.Join(u.Reader.Close(), u.below.Close()) }

// errIdle ends an answer of which nothing comes any more.
var errIdle = fmt.Errorf("nothing came for %v", attemptLimit)

// A stream is the body of an answer that may take as long as it likes, while
// something comes.
type stream struct {
	io.ReadCloser
	ctx    context.Context
	idle   *time.Timer
	cancel context.CancelCauseFunc
}

func (s *stream) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	s.idle.Reset(attemptLimit)
	if err != nil && err != io.EOF && context.Cause(s.ctx) != nil {
		err = context.Cause(s.ctx)
	}
	return n, err
}

func (s *stream) Close() error {
	s.idle.Stop()
	s.cancel(nil)
	return s.ReadCloser.Close()
}
