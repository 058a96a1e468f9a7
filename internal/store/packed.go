package store

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
)

// packFrom is the size from which documents are compressed, in bytes.
const packFrom = 1 << 10

// gzipMagic is how a compressed document begins; no JSON does.
var gzipMagic = []byte{0x1f, 0x8b}

// pack returns a JSON document as it is stored.
func pack(doc []byte) ([]byte, error) {
	if len(doc) < packFrom {
		return doc, nil
	}
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(doc); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	if b.Len() >= len(doc) {
		return doc, nil
	}
	return b.Bytes(), nil
}

// unpack is the inverse of pack. It takes over b.
func unpack(b []byte) ([]byte, error) {
	if !bytes.HasPrefix(b, gzipMagic) {
		return b, nil
	}
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("a stored document: %w", err)
	}
	doc, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("a stored document: %w", err)
	}
	return doc, nil
}
