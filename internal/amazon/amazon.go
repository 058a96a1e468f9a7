// Package amazon makes signed requests to Amazon's services. Who sends them,
// and what an answer means, is for the callers to know.
package amazon

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// A Service is one of Amazon's, in a region.
type Service struct {
	Name     string // as its addresses and signatures have it: "logs", "sts"
	Region   string
	Endpoint string // in place of Amazon's own address; "": that
}

var errRegion = errors.New("the region is malformed")

// JSON returns a request of the protocol "JSON 1.1", signed by who at a time.
// The target names the action. It is an error if the region cannot be one.
func (s Service) JSON(ctx context.Context, who aws.Credentials, at time.Time, target string, body []byte) (*http.Request, error) {
	return s.request(ctx, who, at, http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {target}}, body)
}

// Query is the same of the protocol "Query", where the form names the action.
func (s Service) Query(ctx context.Context, who aws.Credentials, at time.Time, form url.Values) (*http.Request, error) {
	return s.request(ctx, who, at, http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}}, []byte(form.Encode()))
}

func (s Service) request(ctx context.Context, who aws.Credentials, at time.Time, header http.Header, body []byte) (*http.Request, error) {
	address := s.Endpoint
	if s.Region == "" || strings.Trim(s.Region, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return nil, errRegion
	}
	if address == "" {
		address = "https://" + s.Name + "." + s.Region + "." + domain(s.Region)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address+"/", bytes.NewReader(body))
	if err != nil {
		return nil, errRegion
	}
	req.Header = header
	sum := sha256.Sum256(body)
	return req, v4.NewSigner().SignHTTP(ctx, who, req, hex.EncodeToString(sum[:]), s.Name, s.Region, at)
}

// domain returns the domain of a region's services.
func domain(region string) string {
	if strings.HasPrefix(region, "cn-") {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}

// A Fault is what a service says of a request that it refuses.
type Fault struct {
	Kind    string // "ResourceNotFoundException"; letters only; "": the answer is not one of Amazon's
	Message string
}

// FaultOf reads an answer that is no success, of either protocol.
func FaultOf(answer []byte) Fault {
	var of struct {
		Type    string `json:"__type"`
		Message string `json:"message"` // or Message, in some services
	}
	if json.Unmarshal(answer, &of) != nil {
		var of struct {
			Error struct{ Code, Message string }
		}
		xml.Unmarshal(answer, &of) // a proxy's answer is neither
		return fault(of.Error.Code, of.Error.Message)
	}
	_, kind, ok := strings.Cut(of.Type, "#")
	if !ok {
		kind = of.Type
	}
	return fault(kind, of.Message)
}

func fault(kind, message string) Fault {
	if strings.Trim(kind, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		kind = ""
	}
	return Fault{kind, message}
}

// Throttled reports whether the service asks for fewer requests.
func (f Fault) Throttled() bool {
	switch f.Kind {
	case "ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded":
		return true
	}
	return false
}
