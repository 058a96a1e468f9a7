package setup

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type tunnel struct {
	TunnelHost string `json:"tunnel_host"`
	TunnelPort Port   `json:"tunnel_port,omitempty" default:"22" quoted:"true"`
}

type script struct {
	Name  string `json:"name" required:"true"`
	Token string `json:"token" secret:"true"`
}

type testConfig struct {
	Schema   string `json:"schema" required:"true" immutable:"true"`
	Host     string `json:"host" title:"Host" help:"Where it is." required:"true"`
	Port     int    `json:"port" default:"5432"`
	Password string `json:"password" secret:"true"`
	Method   string `json:"update_method" enum:"XMIN,WAL" default:"XMIN"`
	TLS      *bool  `json:"always_encrypted"`
	tunnel
	Tables  []string `json:"tables"`
	Scripts []script `json:"scripts"`
	Auth    struct {
		Key    string `json:"key" secret:"true"`
		Region string `json:"region" default:"eu"`
	} `json:"auth"`
	Key string `json:"public_key" readonly:"true"`
}

var description = Describe("Test", testConfig{})

func TestCheck(t *testing.T) {
	const rest = `"port":5432,"update_method":"XMIN","tunnel_port":"22"`
	for _, tt := range []struct{ name, in, want string }{
		{"defaults", `{"schema":"s","host":"h"}`, `{"schema":"s","host":"h",` + rest + `}`},
		{"order, unknown, null", `{"host":"h","x":1,"password":null,"schema":"s"}`, `{"schema":"s","host":"h",` + rest + `}`},
		{"numeric strings", `{"schema":"s","host":"h","port":"1","tunnel_port":2}`, `{"schema":"s","host":"h","port":1,"update_method":"XMIN","tunnel_port":"2"}`},
		{"boolean strings", `{"schema":"s","host":"h","always_encrypted":"true"}`, `{"schema":"s","host":"h","port":5432,"update_method":"XMIN","always_encrypted":true,"tunnel_port":"22"}`},
		{"numbers for strings", `{"schema":"s","host":1}`, `{"schema":"s","host":"1",` + rest + `}`},
		{"readonly", `{"schema":"s","host":"h","public_key":"k"}`, `{"schema":"s","host":"h",` + rest + `}`},
		{"stars are no secret", `{"schema":"s","host":"h","password":"******"}`, `{"schema":"s","host":"h",` + rest + `}`},
		{"nested", `{"schema":"s","host":"h","auth":{"key":"<k>"},"tables":["a","b"],"scripts":[{"token":"t","name":"n"}]}`,
			`{"schema":"s","host":"h",` + rest + `,"tables":["a","b"],"scripts":[{"name":"n","token":"t"}],"auth":{"key":"<k>","region":"eu"}}`},
		{"missing", `{"schema":"s"}`, `! Field 'host' is required`},
		{"empty", `{"schema":"","host":"h"}`, `! Field 'schema' is required`},
		{"nothing", ``, `! Field 'schema' is required`},
		{"null", `null`, `! Field 'schema' is required`},
		{"no object", `[]`, `! Invalid 'config' object`},
		{"enum", `{"schema":"s","host":"h","update_method":"xmin"}`, `! Invalid 'config' object: field 'update_method' is one of XMIN, WAL`},
		{"integer", `{"schema":"s","host":"h","port":1.5}`, `! Invalid 'config' object: field 'port' is an integer`},
		{"boolean", `{"schema":"s","host":"h","always_encrypted":1}`, `! Invalid 'config' object: field 'always_encrypted' is a boolean`},
		{"string", `{"schema":"s","host":{}}`, `! Invalid 'config' object: field 'host' is a string`},
		{"string, not boolean", `{"schema":"s","host":true}`, `! Invalid 'config' object: field 'host' is a string`},
		{"array", `{"schema":"s","host":"h","tables":"a"}`, `! Invalid 'config' object: field 'tables' is an array`},
		{"item", `{"schema":"s","host":"h","tables":["a",null]}`, `! Invalid 'config' object: field 'tables[1]' is a string`},
		{"missing in an item", `{"schema":"s","host":"h","scripts":[{"name":"n"},{"token":"t"}]}`, `! Field 'scripts[1].name' is required`},
		{"object", `{"schema":"s","host":"h","auth":"k"}`, `! Invalid 'config' object: field 'auth' is an object`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := description.Check(json.RawMessage(tt.in))
			if s := result(got, err); s != tt.want {
				t.Errorf("Check(%s)\n got %s\nwant %s", tt.in, s, tt.want)
			}
			if err == nil {
				var c testConfig
				if err := Decode(got, &c); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func result(v json.RawMessage, err error) string {
	if err != nil {
		return "! " + err.Error()
	}
	return string(v)
}

func TestMerge(t *testing.T) {
	const stored = `{"schema":"s","host":"h","port":1,"password":"p","update_method":"WAL","tunnel_port":"22",` +
		`"scripts":[{"name":"a","token":"ta"},{"name":"b","token":"tb"}],"auth":{"key":"k","region":"us"},"public_key":"pk"}`
	replace := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(stored) }
	for _, tt := range []struct{ name, patch, want string }{
		{"nothing", `{}`, stored},
		{"absent", ``, stored},
		{"one field", `{"host":"i"}`, replace(`"host":"h"`, `"host":"i"`)},
		{"same immutable", `{"schema":"s"}`, stored},
		{"other immutable", `{"schema":"t"}`, `! Invalid 'config' object: field 'schema' cannot be changed`},
		{"null", `{"password":null}`, replace(`"password":"p",`, ``)},
		{"null brings the default back", `{"port":null}`, replace(`"port":1`, `"port":5432`)},
		{"null of a required field", `{"host":null}`, `! Field 'host' is required`},
		{"stars keep the secret", `{"password":"******","host":"i"}`, replace(`"host":"h"`, `"host":"i"`)},
		{"new secret", `{"password":"q"}`, replace(`"password":"p"`, `"password":"q"`)},
		{"readonly", `{"public_key":"x"}`, stored},
		{"objects merge", `{"auth":{"region":"ap"}}`, replace(`"region":"us"`, `"region":"ap"`)},
		{"objects keep secrets", `{"auth":{"region":"ap","key":"******"}}`, replace(`"region":"us"`, `"region":"ap"`)},
		{"arrays replace, secrets follow their items", `{"scripts":[{"name":"b","token":"******"},{"name":"c","token":"tc"},{"name":"d","token":"******"}]}`,
			replace(`{"name":"a","token":"ta"},{"name":"b","token":"tb"}`, `{"name":"b","token":"tb"},{"name":"c","token":"tc"},{"name":"d"}`)},
		{"wrong type", `{"port":"x"}`, `! Invalid 'config' object: field 'port' is an integer`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := description.Merge(json.RawMessage(stored), json.RawMessage(tt.patch))
			if s := result(got, err); s != tt.want {
				t.Errorf("Merge(%s)\n got %s\nwant %s", tt.patch, s, tt.want)
			}
		})
	}
}

func TestSplitJoin(t *testing.T) {
	const config = `{"schema":"s","password":"p\"&","scripts":[{"name":"a","token":"ta"},{"name":"b"}],"auth":{"key":"k","region":"us"}}`
	shown, secrets, err := description.Split(json.RawMessage(config))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"schema":"s","password":"******","scripts":[{"name":"a","token":"******"},{"name":"b"}],"auth":{"key":"******","region":"us"}}`
	if string(shown) != want {
		t.Errorf("shown\n got %s\nwant %s", shown, want)
	}
	if diff := cmp.Diff(Secrets{"password": `p"&`, "scripts/0/token": "ta", "auth/key": "k"}, secrets); diff != "" {
		t.Error(diff)
	}
	joined, err := description.Join(shown, secrets)
	if err != nil || string(joined) != config {
		t.Errorf("joined\n got %s, %v\nwant %s", joined, err, config)
	}
	lost, err := description.Join(shown, Secrets{"password": "p"})
	const wantLost = `{"schema":"s","password":"p","scripts":[{"name":"a"},{"name":"b"}],"auth":{"region":"us"}}`
	if err != nil || string(lost) != wantLost {
		t.Errorf("joined without all secrets\n got %s, %v\nwant %s", lost, err, wantLost)
	}
}

// TestMask holds Mask against Split, which parses.
func TestMask(t *testing.T) {
	for _, config := range []string{
		`{}`,
		`{"schema":"s","password":""}`,
		`{"password":"a\"b\\","schema":"s"}`,
		`{"password":"******","port":1}`,
		`{"tables":["a","}"],"scripts":[],"auth":{}}`,
		`{"scripts":[{"name":"a","token":"ta"},{"name":"b"}],"auth":{"key":"k","region":"us"},"always_encrypted":true}`,
	} {
		want, _, err := description.Split(json.RawMessage(config))
		if err != nil {
			t.Fatal(err)
		}
		got, err := description.Mask(json.RawMessage(config))
		var a, b any
		if err != nil || json.Unmarshal(got, &a) != nil || json.Unmarshal(want, &b) != nil || !cmp.Equal(a, b) {
			t.Errorf("Mask(%s)\n got %s, %v\nwant %s", config, got, err, want)
		}
	}
	for config, want := range map[string]string{
		``:                                    `{}`,
		`null`:                                `{}`,
		"{\n \"password\" : \"p\", \"x\": 1}": `{"password":"******"}`,
		`[]`:                                  `! Invalid 'config' object`,
		`{"password":"p"`:                     `! Invalid 'config' object`,
		`{"password":"p"}}`:                   `! Invalid 'config' object`,
	} {
		if got := result(description.Mask(json.RawMessage(config))); got != want {
			t.Errorf("Mask(%s) = %s, want %s", config, got, want)
		}
	}
}

func TestMissing(t *testing.T) {
	if got := description.Missing(json.RawMessage(`{"host":""}`)); !cmp.Equal(got, []string{"schema", "host"}) {
		t.Errorf("got %q", got)
	}
}

func TestDescribePanics(t *testing.T) {
	for name, v := range map[string]any{
		"no struct": 1,
		"no name":   struct{ A string }{},
		"type": struct {
			A float64 `json:"a"`
		}{},
		"default": struct {
			A int `json:"a" default:"x"`
		}{},
		"default not in it": struct {
			A string `json:"a" enum:"x,y" default:"z"`
		}{},
		"flag": struct {
			A string `json:"a" secret:"yes"`
		}{},
		"twice": struct {
			tunnel
			Host string `json:"tunnel_host"`
		}{},
		"secret int": struct {
			A int `json:"a" secret:"true"`
		}{},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			Describe("", v)
		})
	}
}

func TestWith(t *testing.T) {
	d := description.With(Field{Name: "schema", Type: Integer}, Field{Name: "table", Type: String, Required: true})
	if d.Fields[0].Name != "table" || d.Fields[1].Type != String || len(d.Fields) != len(description.Fields)+1 {
		t.Errorf("got %+v", d.Fields[:2])
	}
}

func BenchmarkMask(b *testing.B) {
	config, err := description.Check(json.RawMessage(`{"schema":"s","host":"h","password":"p","always_encrypted":true}`))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := description.Mask(config); err != nil {
			b.Fatal(err)
		}
	}
}
