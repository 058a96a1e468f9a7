package logship

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/penstock-data/penstock/internal/outside"
)

// via is how vendors are reached.
type via struct {
	client   *http.Client
	endpoint string           // in place of the vendor's own address; "": that
	id       string           // the log service's
	now      func() time.Time // for what is signed
}

// at returns the address to send to.
func (v *via) at(vendors string) string { return cmp.Or(v.endpoint, vendors) }

// post sends a body as JSON and returns the answer's beginning. Any answer but
// 2xx is a *[refusal].
func (v *via) post(ctx context.Context, url string, body []byte, header map[string]string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, &refusal{reason: "the address is malformed"}
	}
	req.Header.Set("Content-Type", "application/json")
	for name, value := range header {
		req.Header.Set(name, value)
	}
	return v.do(req)
}

func (v *via) do(req *http.Request) ([]byte, error) {
	req.Header.Set("User-Agent", "Penstock")
	res, err := v.client.Do(req)
	if err != nil {
		return nil, outside.Reason(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, outside.MaxAnswer))
	switch {
	case res.StatusCode < 200 || res.StatusCode >= 300:
		seconds, _ := strconv.Atoi(res.Header.Get("Retry-After"))
		return answer, &refusal{res.StatusCode, fmt.Sprintf("the log service answered %s", res.Status), time.Duration(seconds) * time.Second}
	case err != nil:
		return nil, errors.New("the answer was cut off")
	}
	return answer, nil
}

// zip compresses a body.
func zip(body []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(body) // a buffer takes everything
	w.Close()
	return b.Bytes()
}
