package amazon

import (
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/penstock-data/penstock/internal/amazontest"
)

func TestSigned(t *testing.T) {
	who := aws.Credentials{AccessKeyID: "AK", SecretAccessKey: "s3cret", SessionToken: "session"}
	for _, tt := range []struct {
		Service
		address string // "": the region is refused
	}{
		{Service{Name: "logs", Region: "eu-west-1"}, "https://logs.eu-west-1.amazonaws.com/"},
		{Service{Name: "sts", Region: "cn-north-1"}, "https://sts.cn-north-1.amazonaws.com.cn/"},
		{Service{Name: "sts", Region: "us-east-1", Endpoint: "http://127.0.0.1:1"}, "http://127.0.0.1:1/"},
		{Service{Name: "logs"}, ""},
		{Service{Name: "logs", Region: "x.example.com/"}, ""},
	} {
		byJSON, err := tt.JSON(t.Context(), who, time.Now(), "Logs.Put", []byte(`{"a":1}`))
		byQuery, err2 := tt.Query(t.Context(), who, time.Now(), url.Values{"Action": {"X"}})
		if tt.address == "" {
			if err != errRegion || err2 != errRegion {
				t.Errorf("%+v: %v, %v", tt.Service, err, err2)
			}
			continue
		}
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		for _, r := range []*http.Request{byJSON, byQuery} {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Fatal(err)
			}
			want := amazontest.SigV4(r, body, "AK", "s3cret", tt.Region, tt.Name)
			if r.URL.String() != tt.address || r.Header.Get("Authorization") != want || r.Header.Get("X-Amz-Security-Token") != "session" {
				t.Errorf("%s: %v, want %s", r.URL, r.Header, want)
			}
		}
	}
}

func TestFaultOf(t *testing.T) {
	for answer, want := range map[string]Fault{
		`{"__type":"com.amazonaws.logs#ResourceNotFoundException","message":"no"}`:                          {"ResourceNotFoundException", "no"},
		`{"__type":"ThrottlingException","Message":"slower"}`:                                               {"ThrottlingException", "slower"},
		`<ErrorResponse><Error><Code>AccessDenied</Code><Message>not you</Message></Error></ErrorResponse>`: {"AccessDenied", "not you"},
		`{"__type":"<b>"}`:  {},
		`<html>502</html>`:  {},
		`{"something":"x"}`: {},
		``:                  {},
	} {
		if got := FaultOf([]byte(answer)); got != want {
			t.Errorf("%s: %+v", answer, got)
		}
	}
	if !(Fault{Kind: "Throttling"}).Throttled() || (Fault{Kind: "AccessDenied"}).Throttled() {
		t.Error("who throttles is not known")
	}
}
