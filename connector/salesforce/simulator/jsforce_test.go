package simulator

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A client that others have written and many use gets along with the
// simulator, and reads what is there.
func TestJSForce(t *testing.T) {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed; scripts/need node installs it", program)
		}
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/jsforce")); err != nil {
		t.Fatal(err)
	}
	pemKey := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	if err := os.WriteFile(filepath.Join(dir, "key.pem"), pemKey, 0o600); err != nil {
		t.Fatal(err)
	}
	s := play(Options{Rows: map[string]int{"Account": 450}, PageSize: 200, Certificate: &key.PublicKey})
	srv := httptest.NewServer(s)
	defer srv.Close()

	run(t, dir, nil, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error")
	got := run(t, dir, []string{
		"BASE=" + srv.URL, "CLIENT_ID=" + DefaultClientID, "CLIENT_SECRET=" + DefaultClientSecret, "REFRESH_TOKEN=" + DefaultRefreshToken,
		"USERNAME=" + DefaultUsername, "KEY_FILE=key.pem", "NOW=" + began.Format("2006-01-02T15:04:05Z"),
	}, "node", "drive.js")

	var out struct {
		Identity                                 string
		Users, JWT, Credentials, Objects, Fields int
		Query, Bulk                              []map[string]any
		Related                                  []struct {
			Name  string
			Owner struct {
				Name     string
				UserRole *struct{ Name string }
			}
		}
		Deleted, Updated int
		Used             struct{ Max, Remaining int }
		LimitInfo        struct{ Used, Limit int }
		Failures         []string
	}
	if err := json.Unmarshal(got, &out); err != nil {
		t.Fatalf("%v\n%s", err, got)
	}
	if out.Identity != DefaultUsername || out.Users != 8 || out.JWT != 8 || out.Credentials != 8 || s.Requests("token") != 3 {
		t.Errorf("logins: %q, %d, %d, %d users, %d tokens", out.Identity, out.Users, out.JWT, out.Credentials, s.Requests("token"))
	}
	if out.Objects != len(s.names) || out.Fields != 68 {
		t.Errorf("describes: %d objects, %d fields of Account", out.Objects, out.Fields)
	}
	ids := s.IDs("Account", true)
	compareRecords(t, s, "query", out.Query, ids)
	compareRecords(t, s, "bulk2", out.Bulk, ids)
	if len(out.Related) != 3 || out.Related[0].Owner.Name == "" {
		t.Errorf("related: %+v", out.Related)
	}
	if want := len(ids) - s.Count("Account"); out.Deleted != want || out.Updated == 0 {
		t.Errorf("%d deleted, want %d; %d updated", out.Deleted, want, out.Updated)
	}
	if n := out.LimitInfo; n.Used == 0 || n.Used != out.Used.Max-out.Used.Remaining || n.Limit != 100_000 {
		t.Errorf("limits %+v, header %+v", out.Used, out.LimitInfo)
	}
	if want := []string{"INVALID_FIELD", "INVALID_TYPE", "MALFORMED_QUERY", "invalid_client_id"}; !slices.Equal(out.Failures, want) {
		t.Errorf("failures: %q, want %q", out.Failures, want)
	}
}

// compareRecords compares what a client read of Account with what is there.
func compareRecords(t *testing.T, s *Simulator, what string, got []map[string]any, ids []string) {
	t.Helper()
	if len(got) != len(ids) {
		t.Fatalf("%s: %d records, want %d", what, len(got), len(ids))
	}
	for i, r := range got {
		if r["Id"] != ids[i] {
			t.Fatalf("%s: record %d is %v, want %s", what, i, r["Id"], ids[i])
		}
		for _, field := range []string{"Name", "Description"} {
			want, _ := s.Value("Account", ids[i], field)
			if is, _ := r[field].(string); is != want {
				t.Errorf("%s: %s of %s is %q, want %q", what, field, ids[i], is, want)
			}
		}
		want, _ := s.Value("Account", ids[i], "IsDeleted")
		if is := fmt.Sprint(r["IsDeleted"]); is != want {
			t.Errorf("%s: IsDeleted of %s is %s, want %s", what, ids[i], is, want)
		}
		text, ok := s.Value("Account", ids[i], "AnnualRevenue")
		wantNumber, _ := strconv.ParseFloat(text, 64)
		number, err := strconv.ParseFloat(fmt.Sprint(r["AnnualRevenue"]), 64)
		if ok && (err != nil || number != wantNumber) {
			t.Errorf("%s: AnnualRevenue of %s is %v, want %s", what, ids[i], r["AnnualRevenue"], text)
		}
	}
}

// run runs a program to its end, and returns what it printed.
func run(t *testing.T, dir string, env []string, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, problems.String())
	}
	return out.Bytes()
}
