package simulator

import (
	"compress/gzip"
	"net/http"
	"sync"
)

var writers = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	return z
}}

// zipped compresses an answer's body.
type zipped struct {
	http.ResponseWriter
	z    *gzip.Writer
	bare bool // the answer has no body
	head bool
}

func (w *zipped) WriteHeader(status int) {
	if w.head {
		return
	}
	w.head = true
	if w.bare = status == http.StatusNoContent || status == http.StatusNotModified; !w.bare {
		w.Header().Del("Content-Length")
		w.Header().Set("Content-Encoding", "gzip")
		w.z = writers.Get().(*gzip.Writer)
		w.z.Reset(w.ResponseWriter)
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *zipped) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.bare {
		return len(b), nil
	}
	return w.z.Write(b)
}

func (w *zipped) FlushError() error {
	if w.z != nil {
		if err := w.z.Flush(); err != nil {
			return err
		}
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// close ends the compressed body, which an answer that was cut has no end of.
func (w *zipped) close() {
	if w.z == nil {
		return
	}
	w.z.Close()
	writers.Put(w.z)
}
