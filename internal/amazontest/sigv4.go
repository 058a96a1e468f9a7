// Package amazontest is for tests that stand in for Amazon's services.
package amazontest

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// SigV4 returns the Authorization header that a POST to the root of a service
// must have, by the definition of Signature Version 4 (IAM user guide,
// 2026-11). Which headers are signed the request says itself; where one is
// missing that must be, the text says so and matches nothing.
func SigV4(r *http.Request, body []byte, key, secret, region, service string) string {
	hash := func(b []byte) string { s := sha256.Sum256(b); return hex.EncodeToString(s[:]) }
	mac := func(key []byte, s string) []byte {
		m := hmac.New(sha256.New, key)
		m.Write([]byte(s))
		return m.Sum(nil)
	}
	_, signed, _ := strings.Cut(r.Header.Get("Authorization"), "SignedHeaders=")
	signed, _, _ = strings.Cut(signed, ",")
	must := []string{"host", "x-amz-date"}
	for _, name := range []string{"X-Amz-Target", "X-Amz-Security-Token"} {
		if r.Header.Get(name) != "" {
			must = append(must, strings.ToLower(name))
		}
	}
	for _, name := range must {
		if !slices.Contains(strings.Split(signed, ";"), name) {
			return name + " is not signed"
		}
	}
	var headers strings.Builder
	for _, name := range strings.Split(signed, ";") {
		value := r.Header.Get(name)
		switch name {
		case "host":
			value = cmp.Or(r.Host, r.URL.Host)
		case "content-length":
			value = strconv.FormatInt(r.ContentLength, 10)
		}
		headers.WriteString(name + ":" + value + "\n")
	}
	at := r.Header.Get("X-Amz-Date")
	if len(at) < 8 {
		return "X-Amz-Date is malformed"
	}
	scope := at[:8] + "/" + region + "/" + service + "/aws4_request"
	canonical := strings.Join([]string{r.Method, "/", "", headers.String(), signed, hash(body)}, "\n")
	derived := mac(mac(mac(mac([]byte("AWS4"+secret), at[:8]), region), service), "aws4_request")
	signature := mac(derived, strings.Join([]string{"AWS4-HMAC-SHA256", at, scope, hash([]byte(canonical))}, "\n"))
	return "AWS4-HMAC-SHA256 Credential=" + key + "/" + scope + ", SignedHeaders=" + signed + ", Signature=" + hex.EncodeToString(signature)
}
