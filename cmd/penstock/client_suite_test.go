package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// What Fivetran's own suite wants to be there (go-fivetran 1.3.8,
// test_utils/test_utils.go).
const (
	suite     = "github.com/fivetran/go-fivetran/tests/e2e"
	suiteSeed = `{
		"account":  {"name": "GoSdkTesting"},
		"users":    [{"id": "recoup_befell", "email": "dev-markov+go-fivetran-sdk@fivetran.com", "given_name": "Go", "family_name": "5Tran",
			"phone": "+1234567890", "role": "Account Administrator", "logged_in_at": "2024-01-01T00:00:00Z"}],
		"api_keys": [{"key": "` + seedKey + `", "secret": "` + seedSecret + `", "user_id": "recoup_befell"}],
		"groups":   [{"id": "sepulchre_settlement", "name": "GoSdkTesting", "created_by": "recoup_befell"}]
	}`
)

// TestClientSuite runs the end-to-end tests that Fivetran has for its service,
// as they are, against a server. Services that they want and that have no
// connector here are in testdata/records.json.
func TestClientSuite(t *testing.T) {
	args := seedArgs(t, t.TempDir(), suiteSeed, "--records", "testdata/records.json", "--google-project", "dulcet-yew-246109")
	s := serveBy(t, exec.Command(os.Args[0], args...), "")
	der := certificate(t, "db.example.com", nil).cert.Raw
	hash := sha256.Sum256(der)
	cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-json", suite)
	cmd.Env = append(os.Environ(), "FIVETRAN_API_URL="+s.base+"/v1", "FIVETRAN_APIKEY="+s.key, "FIVETRAN_APISECRET="+s.secret,
		"FIVETRAN_TEST_CERTIFICATE_HASH="+base64.StdEncoding.EncodeToString(hash[:]),
		"FIVETRAN_TEST_CERTIFICATE="+base64.StdEncoding.EncodeToString(der))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	failed := cmd.Run()
	said := readTests(t, &stdout)
	for _, name := range said.skipped {
		t.Logf("skips itself: %s: %s", name, said.why(name))
	}
	for _, name := range said.failed {
		t.Errorf("fails: %s\n%s", name, said.output[name])
	}
	t.Logf("%s: %d pass, %d fail, %d skip themselves", suite, said.passed, len(said.failed), len(said.skipped))
	if failed != nil || said.passed == 0 {
		t.Errorf("go test %s: %v\n%s%s", suite, failed, stderr.String(), said.output[""])
	}
}

// A testRun is what `go test -json` says of the tests of one package.
type testRun struct {
	passed          int
	failed, skipped []string
	output          map[string]string // by test; "": what belongs to none
}

func readTests(t *testing.T, stdout *bytes.Buffer) testRun {
	t.Helper()
	r := testRun{output: map[string]string{}}
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		var e struct{ Action, Test, Output string }
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		switch {
		case e.Action == "output":
			r.output[e.Test] += e.Output
		case e.Test == "":
		case e.Action == "pass":
			r.passed++
		case e.Action == "fail":
			r.failed = append(r.failed, e.Test)
		case e.Action == "skip":
			r.skipped = append(r.skipped, e.Test)
		}
	}
	return r
}

// why returns the reason for which a test skips itself.
func (r *testRun) why(name string) string {
	for line := range strings.Lines(r.output[name]) {
		if _, reason, ok := strings.Cut(line, ".go:"); ok {
			_, reason, _ = strings.Cut(reason, ": ")
			return strings.TrimSpace(reason)
		}
	}
	return "no reason given"
}
