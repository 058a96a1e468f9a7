package secretsmanager

import (
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock-data/penstock/internal/amazontest"
)

// A cloud is STS and Secrets Manager, as strict as the real ones: signatures,
// sessions, external ids and regions are what they must be.
type cloud struct {
	t          *testing.T
	region     string // of the secrets
	secrets    map[string]string
	binary     map[string][]byte
	denied     map[string]bool
	externalID string
	sessions   int // given so far
	expired    int // the sessions up to this one have ended
	throttles  int // requests still to be throttled
	pending    string
}

const roleARN = "arn:aws:iam::123456789012:role/Penstock"

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		c.t.Error(err)
	}
	if r.Method != http.MethodPost || r.URL.Path != "/" {
		c.fault(w, 404, "UnknownOperationException", "")
		return
	}
	if r.Header.Get("X-Amz-Target") == "" {
		c.assume(w, r, body)
		return
	}
	c.value(w, r, body)
}

func (c *cloud) assume(w http.ResponseWriter, r *http.Request, body []byte) {
	fault := func(status int, code, message string) {
		w.WriteHeader(status)
		fmt.Fprintf(w, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>`, code, message)
	}
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	r.ParseForm()
	f := r.PostForm
	switch {
	case c.throttles > 0:
		c.throttles--
		fault(400, "Throttling", "Rate exceeded")
	case r.Header.Get("Authorization") != amazontest.SigV4(r, body, "AKSERVER", "server-secret", c.region, "sts"):
		fault(403, "SignatureDoesNotMatch", "The request signature we calculated does not match")
	case f.Get("Action") != "AssumeRole" || f.Get("Version") != "2011-06-15" || f.Get("RoleSessionName") == "" || f.Get("DurationSeconds") != "900":
		fault(400, "ValidationError", "")
	case f.Get("RoleArn") != roleARN || f.Get("ExternalId") != c.externalID:
		fault(403, "AccessDenied", "User: arn:aws:iam::1:user/penstock is not authorized to perform: sts:AssumeRole on resource: "+f.Get("RoleArn"))
	default:
		c.sessions++
		xml.NewEncoder(w).Encode(struct {
			XMLName xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ AssumeRoleResponse"`
			Key     string   `xml:"AssumeRoleResult>Credentials>AccessKeyId"`
			Secret  string   `xml:"AssumeRoleResult>Credentials>SecretAccessKey"`
			Token   string   `xml:"AssumeRoleResult>Credentials>SessionToken"`
		}{Key: "ASIAROLE", Secret: "role-secret", Token: fmt.Sprintf("session/%d+x=", c.sessions)})
	}
}

func (c *cloud) value(w http.ResponseWriter, r *http.Request, body []byte) {
	var in struct{ SecretId string }
	session := 0
	fmt.Sscanf(r.Header.Get("X-Amz-Security-Token"), "session/%d+x=", &session)
	switch {
	case c.throttles > 0:
		c.throttles--
		c.fault(w, 400, "ThrottlingException", "Rate exceeded")
	case r.Header.Get("Content-Type") != "application/x-amz-json-1.1" || r.Header.Get("X-Amz-Target") != "secretsmanager.GetSecretValue" || json.Unmarshal(body, &in) != nil:
		c.fault(w, 400, "UnknownOperationException", "")
	case session == 0 || session > c.sessions:
		c.fault(w, 400, "UnrecognizedClientException", "The security token included in the request is invalid.")
	case session <= c.expired:
		c.fault(w, 400, "ExpiredTokenException", "The security token included in the request is expired")
	case r.Header.Get("Authorization") != amazontest.SigV4(r, body, "ASIAROLE", "role-secret", c.region, "secretsmanager"):
		c.fault(w, 400, "InvalidSignatureException", "")
	case c.denied[in.SecretId]:
		c.fault(w, 400, "AccessDeniedException", "User is not authorized to perform: secretsmanager:GetSecretValue on resource: "+in.SecretId)
	case in.SecretId == c.pending:
		c.fault(w, 400, "InvalidRequestException", "You can't perform this operation on the secret because it was marked for deletion.")
	default:
		out := map[string]any{"ARN": "arn", "Name": in.SecretId, "VersionId": "v", "VersionStages": []string{"AWSCURRENT"}, "CreatedDate": 1.5e9}
		if text, ok := c.secrets[in.SecretId]; ok {
			out["SecretString"] = text
		} else if b, ok := c.binary[in.SecretId]; ok {
			out["SecretBinary"] = base64.StdEncoding.EncodeToString(b)
		} else {
			c.fault(w, 400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
			return
		}
		json.NewEncoder(w).Encode(out)
	}
}

func (c *cloud) fault(w http.ResponseWriter, status int, kind, message string) {
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"__type": kind, "Message": message})
}

// inAWS makes this server somebody in AWS.
func inAWS(t *testing.T, key, secret, region string) {
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": "", "AWS_REGION": region, "AWS_DEFAULT_REGION": "",
		"AWS_PROFILE": "", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_ROLE_ARN": "", "AWS_WEB_IDENTITY_TOKEN_FILE": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": ""} {
		t.Setenv(name, value)
	}
}

const arn = "arn:aws:secretsmanager:ap-south-1:123456789012:secret:db-AbCdEf"

func TestAWS(t *testing.T) {
	inAWS(t, "AKSERVER", "server-secret", "eu-west-1")
	c := &cloud{t: t, region: "eu-west-1", externalID: "acme",
		secrets: map[string]string{"plain": "pw-one", "prod/db": `{"username":"ada","password":"pw-two","port":5432}`, "empty": ""},
		binary:  map[string][]byte{"bytes": []byte("pw-three"), "der": {0xff, 0}}, denied: map[string]bool{"private": true}, pending: "going"}
	srv := httptest.NewServer(c)
	defer srv.Close()
	endpoints := map[string]string{"AWS_SECRET_MANAGER": srv.URL + "/"}
	f, waits := fetcher(t, nil, endpoints)
	config := map[string]string{"role_arn": roleARN, "external_id": "acme"}
	m := manager("AWS_SECRET_MANAGER", config)
	hidden := []string{"pw-", "server-secret", "role-secret", "session/"}
	for _, tt := range []try{
		{name: "texts and fields", keys: keys("plain", "prod/db#username", "prod/db#password"), want: keys("pw-one", "ada", "pw-two")},
		{name: "binary text", keys: keys("bytes"), want: keys("pw-three")},
		{name: "binary", keys: keys("der"), says: "it is binary", todo: true},
		{name: "empty", keys: keys("empty"), says: "it is empty", todo: true},
		{name: "no secret", keys: keys("none"), says: "ResourceNotFoundException: Secrets Manager can't find the specified secret. Check", todo: true},
		{name: "no right", keys: keys("private"), says: "Let the role secretsmanager:GetSecretValue", todo: true},
		{name: "going", keys: keys("going"), says: "marked for deletion. Check whether", todo: true},
		{name: "no field", keys: keys("plain#x"), says: "it is no JSON object", todo: true},
		{name: "region of another kind", keys: keys("arn:aws:secretsmanager:evil.example.com/:1:secret:x"), says: "or a region, is malformed", todo: true},
	} {
		tt.check(t, f, m, hidden...)
	}
	for name, value := range map[string]string{"role_arn": "arn:aws:iam::123456789012:role/Other", "external_id": "other"} {
		bad := map[string]string{"role_arn": roleARN, "external_id": "acme"}
		bad[name] = value
		(&try{name: name, keys: keys("plain"), says: "the role was not taken on: AccessDenied: User: arn:aws:iam::1:user/penstock is not authorized", todo: true}).
			check(t, f, manager("AWS_SECRET_MANAGER", bad), hidden...)
	}

	// A session that has ended is replaced, once.
	c.expired = c.sessions + 1
	(&try{name: "ended", keys: keys("plain"), want: keys("pw-one")}).check(t, f, m)
	c.expired = c.sessions + 9
	(&try{name: "ends at once", keys: keys("plain"), says: "ExpiredTokenException", todo: true}).check(t, f, m)
	c.expired = 0

	*waits = nil
	c.throttles = 2
	(&try{name: "throttled", keys: keys("plain"), want: keys("pw-one")}).check(t, f, m)
	c.throttles = 9
	(&try{name: "throttled for long", keys: keys("plain"), says: "Throttling: Rate exceeded"}).check(t, f, m)
	if diff := cmp.Diff([]time.Duration{time.Second, 2 * time.Second, time.Second, 2 * time.Second}, *waits); diff != "" {
		t.Error(diff)
	}
	c.throttles = 0

	// An ARN says where it is.
	c.region, c.secrets[arn] = "ap-south-1", "pw-four"
	(&try{name: "ARN", keys: keys(arn), want: keys("pw-four")}).check(t, f, m)
	inAWS(t, "AKSERVER", "server-secret", "")
	f, _ = fetcher(t, nil, endpoints)
	(&try{name: "ARN without a region", keys: keys(arn), want: keys("pw-four")}).check(t, f, m)
	(&try{name: "no region", keys: keys("plain"), says: "its region is not known", todo: true}).check(t, f, m)

	inAWS(t, "AKSERVER", "wrong-secret", "ap-south-1")
	f, _ = fetcher(t, nil, endpoints)
	(&try{name: "wrong signature", keys: keys(arn), says: "SignatureDoesNotMatch", todo: true}).check(t, f, m, "wrong-secret")
	inAWS(t, "", "", "ap-south-1")
	f, _ = fetcher(t, nil, endpoints)
	(&try{name: "nobody", keys: keys(arn), says: "this server is nobody in AWS", todo: true}).check(t, f, m)
}
