// Package connector defines what a source of data is.
//
// A [Service] is a kind of source, such as postgres; a [Source] is one
// account or database of it, opened with its config. To add a service, write
// a package beside this one and list it in package all.
package connector

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// A Service is a kind of source that connections can be made to.
type Service struct {
	ID          string // as in the API's "service" field; Fivetran's ids are reused so that its clients accept them
	Name        string // for people
	Kind        string // Fivetran's category: "Database", "HumanResources"
	Description string // one sentence

	// SchemaFormat says which keys of the config name the destination schema.
	SchemaFormat SchemaFormat

	// Naming is the rule that makes destination names from the source's.
	Naming schema.Naming

	// Config describes what a connection of this service is configured with.
	Config *setup.Description

	// Features are the ids of the supported features that the metadata
	// endpoint lists: "CAPTURE_DELETES", "RE_SYNC", …
	Features []string

	// Auth describes what requests give beside the config, as "auth", to log
	// in. It is kept as the config is, and never shown. nil: nothing.
	Auth *setup.Description

	Listing

	// Open makes a Source from a config that the Description has checked.
	// It must not touch the network: problems that need it belong in Test.
	Open func(config json.RawMessage, env Env) (Source, error)

	// Absent is why this program cannot open the service's sources, in place
	// of Open: connections of it are kept, and never sync. nil: it can.
	Absent *setup.Problem
}

// A Listing is what a catalogue of services shows beside names. Its zero value
// says nothing.
type Listing struct {
	Class       string   // "standard" or "lite"; "": standard
	Status      string   // "general_availability", "beta", "sunset", …; "": general_availability
	StatusSince string   // when it came to have that status, RFC 3339; "": not known
	Icons       []string // addresses of pictures, the usual one first
	Docs, ERD   string   // addresses of documents
}

// AuthField is where the config that Open is given has what Auth describes. No
// config has a field of that name.
const AuthField = ".auth"

// Whole describes the config that Open is given: what Config describes and,
// under [AuthField], what Auth does.
func (s *Service) Whole() *setup.Description {
	if s.Config == nil || s.Auth == nil {
		return s.Config
	}
	return s.Config.With(setup.Field{Name: AuthField, Type: setup.Object, Fields: s.Auth.Fields})
}

// A SchemaFormat says how a connection's config names its destination schema
// (the "allOf" of NewConnectorRequest in Fivetran's API definition, 2026-07).
type SchemaFormat string

const (
	FormatSchema           SchemaFormat = "schema"             // config.schema
	FormatSchemaTable      SchemaFormat = "schema_table"       // config.schema and config.table
	FormatSchemaPrefix     SchemaFormat = "schema_prefix"      // config.schema_prefix, then "_" and the source's schema
	FormatSchemaTableGroup SchemaFormat = "schema_table_group" // config.schema and config.table_group_name
)

// Fields are the config's fields that name the destination schema, titled as in
// the definition's schema_format_… schemas.
func (f SchemaFormat) Fields() []setup.Field {
	field := func(name, title string) setup.Field {
		return setup.Field{Name: name, Title: title, Type: setup.String, Required: true, Immutable: true}
	}
	schema := field("schema", "Destination schema name")
	switch f {
	case FormatSchemaPrefix:
		return []setup.Field{field("schema_prefix", "Destination schema prefix")}
	case FormatSchemaTable:
		return []setup.Field{schema, field("table", "Destination table name")}
	case FormatSchemaTableGroup:
		return []setup.Field{schema, field("table_group_name", "Destination table group name")}
	}
	return []setup.Field{schema}
}

// Destination returns the rule that makes a destination's schema of a
// source's, "" for a source without schemas: the one schema that a
// connection's config names, or its prefix before each. fallback is used where
// the config names nothing.
func (f SchemaFormat) Destination(config json.RawMessage, fallback string, naming schema.Naming) func(source string) string {
	var names struct {
		Schema string `json:"schema"`
		Prefix string `json:"schema_prefix"`
	}
	json.Unmarshal(config, &names) // a config that is no object has no names
	if f != FormatSchemaPrefix {
		name := cmp.Or(names.Schema, fallback)
		return func(string) string { return name }
	}
	prefix := cmp.Or(names.Prefix, fallback)
	return func(source string) string {
		if source == "" {
			return prefix
		}
		return prefix + "_" + naming.Schema(source)
	}
}

// Env is what a source may use of the world. Its zero value works.
type Env struct {
	HTTP     *http.Client     // nil: http.DefaultClient
	Endpoint string           // replaces the vendor's own address in tests and in the demo; "": the vendor's
	Log      *slog.Logger     // nil: no log
	Now      func() time.Time // nil: time.Now
	Memory   int64            // bytes that the source's own buffers may take; 0: 64 MiB

	// Folder is where a source may keep files from one sync to the next. It is
	// the connection's own and goes with it, and need not be there yet.
	// Another server may not have it. "": nothing can be kept.
	Folder      string
	FolderBytes int64 // that the files may take; 0: 16 GiB

	// Connections is how many connections a database source may read tables
	// with at a time. 0: as many as it thinks fit.
	Connections int

	// Trusts reports whether somebody has approved the server certificate
	// with this hash (see [setup.Certificate]). nil: nobody has.
	Trusts func(hash string) bool

	// Authorities are approved certificates of authorities, which vouch for
	// servers' certificates. nil: there are none.
	Authorities *x509.CertPool

	// Rotate stores secrets that the vendor replaced. nil: nothing stores them,
	// and the source goes on with them until it is closed.
	Rotate Rotate

	// Dial reaches a host that this machine may not reach or even know by
	// name: a Source whose config asks for a tunnel connects by it alone, and
	// opens nothing without it. nil: hosts are reached directly. HTTP goes
	// the same way.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// A Rotate exchanges secrets of a connection's config, such as a refresh token
// that is good for one use. It calls exchange with the config as it is stored
// now, which may have other secrets than the one that the source was opened
// with, and no other exchange of the connection runs in this process. What
// exchange returns, by the paths of the fields, is stored when Rotate returns
// nil, and only then may it be used. A secret that somebody has changed
// meanwhile stays as they gave it. Errors of exchange come through; nil
// secrets change nothing.
//
// A process that dies between the vendor's answer and the storing has lost the
// new secret: the next one tries the old.
type Rotate func(ctx context.Context, exchange func(config json.RawMessage) (setup.Secrets, error)) error

// A Source reads one account or database. Its methods are called one at a
// time, in any order.
type Source interface {
	// Test runs the setup tests, in the order in which they are shown, and
	// stops after the first that makes the later ones pointless.
	Test(ctx context.Context) []setup.TestResult

	// Tables lists the tables that the source can read, whole. A table that
	// it sees but may not read is left out and reported to warn.
	//
	// A source that knows when rows changed says so in a column called
	// [schema.Start], of the type UTC_DATETIME and no part of the key. It is
	// asked for where versions are kept, and left out of batches elsewhere;
	// nobody can block or hash it, and it counts neither as a value of the row
	// nor towards its id. NULL in it means the start of the sync. In one batch
	// a key may then come in several versions, in the order of their
	// beginning; such a batch is not Fresh. Deletes may have the column too,
	// where it says since when the row is gone.
	Tables(ctx context.Context, warn func(setup.Warning)) ([]schema.Table, error)

	// Sync sends to out what changed since req.State in the tables of
	// req.Tables, and nothing else. Rows that are to be marked as deleted only
	// when it has ended well are [Deferred]. It returns nil when it has sent all of
	// it, a [setup.Reschedule] when the vendor wants a pause, and otherwise
	// what went wrong, a [setup.Problem] if only a person can mend it, or
	// [ErrSchemaChanged].
	Sync(ctx context.Context, req Request, out Output) error

	// Close ends the source's connections. The Source is not used again.
	Close() error
}

// A Forgetter is a Source whose tables can be read again one by one. Sources
// that keep what they know of each table apart in their state should be one.
type Forgetter interface {
	// Forget returns the state in which tables were never read; what it says
	// of the others stays, but for those that can only be read together with
	// one of them. It is pure: it touches neither the network nor the
	// Source. A state that never knew a table is returned as it is. state is
	// never nil.
	//
	// A Sync with what it returns reads the tables whole, and marks as
	// deleted, when it has met all rows of one, those that it did not meet.
	Forget(state json.RawMessage, tables []schema.Name) (json.RawMessage, error)
}

// A Learner is a Source that finds out, in its setup tests, what its config
// shows and nobody enters: who is logged in, for example.
type Learner interface {
	// Learned returns texts for readonly fields of the config, by name, as the
	// last Test found them. What it leaves out stays as it is.
	Learned() map[string]string
}

// Knows reports whether rows of a table are part of a state, which is never
// nil.
func Knows(f Forgetter, state json.RawMessage, table schema.Name) (bool, error) {
	without, err := f.Forget(state, []schema.Name{table})
	return !bytes.Equal(without, state), err
}

// A Request says what a sync is to read.
type Request struct {
	// State is what was last given to [Output.Checkpoint], or nil for a
	// historical sync. Sources must accept every state they ever wrote.
	State json.RawMessage

	// Tables are the tables to read, as Tables gave them less the columns
	// that nobody wants.
	Tables []schema.Table

	// Paused are tables that must not be read now but will be again: where
	// the state says how far each table is, it keeps that. A table in neither
	// list is not wanted; if it ever is, all of it is read.
	Paused []schema.Name

	// Filters are what rows of some of Tables must meet to be copied. A source
	// need not look at them: whoever called Sync turns others away, and
	// deletes the ones that were copied before. It may leave rows out that it
	// reads to fill a table, or to compare counts and keys, but must send
	// rows that have changed whether or not they meet the filter now, and
	// whole if a column of the filter changed. [Output.Live] counts rows that
	// meet it only.
	Filters map[schema.Name]*schema.Filter

	// Hidden reports whether nobody may be told values of a column, in
	// warnings, errors or logs. nil: there are none.
	Hidden func(table schema.Name, column string) bool

	// Called says what a table, and columns of it, are called in the
	// destination, for sources that write of them. nil: as nobody knows.
	Called func(table schema.Name) (name schema.Name, column func(string) string)

	// Start is when the sync began: rows get it as their synced time.
	Start time.Time

	// Until, if not zero, asks a source that follows a log of changes to go on
	// when it has sent what was there: to send changes as they come, with a
	// checkpoint at most Every after the first change that it is to save, and
	// to return nil soon after Until. A Sync that ends earlier has sent all
	// that it could. Sources without such a log look at neither.
	Until time.Time

	// Every is how old changes may become before a checkpoint, about; 0: as
	// the source sees fit.
	Every time.Duration

	// Stop is closed when the sync is to end: a Source that goes on until Until
	// then makes the checkpoint that is due and returns what comes of it. nil:
	// never. Sources that do not go on end when a Checkpoint fails.
	Stop <-chan struct{}

	// StopAtGap asks a source whose log has a gap, so that it would have to
	// find by other means what has changed, to change nothing and return a
	// [setup.Problem]. Sources without such a log do not look at it.
	StopAtGap bool

	// Reached is told by a Source that goes on, from one goroutine, that
	// the next Checkpoint covers all that was committed at the source until a
	// time, by this machine's clock as well as that is known, and how many
	// changes were committed then; of an idle log now and then, with none. The
	// first call says as well that all that there was at the beginning is
	// covered. It is quick. nil: nobody wants to know.
	Reached func(at time.Time, changes int64)
}

// ErrSchemaChanged ends a Sync that has met tables or columns which were not
// there, or were others, when Tables listed them. What was sent before is
// checkpointed. Whoever called Sync asks Tables again, and then calls Sync
// with the state of the last checkpoint, in the same sync.
var ErrSchemaChanged = errors.New("tables have changed since they were listed")

// An Output takes what a source found. All methods may be called from several
// goroutines; they block while the destination is busy, which is how memory
// stays bounded, and fail once the sync should stop: a source returns such an
// error as it is, but see [TableError].
type Output interface {
	// Write takes over b: the caller must not touch its record again.
	// Batches of one table from one goroutine are applied in order. The
	// first batch of a table, and each later one whose Table differs from
	// the one before, may change the destination's table: columns are
	// added, types widened, never the reverse.
	//
	// Aim at batches of [BatchBytes].
	Write(ctx context.Context, b schema.Batch) error

	// Checkpoint promises that a Sync given state need not send again what
	// was sent before the call. It returns when all of that is durable in
	// the destination and the state is saved.
	Checkpoint(ctx context.Context, state any) error

	// Note saves a state as Checkpoint does, but makes nothing durable: state
	// says no more of what was sent in this sync than the one that was saved
	// before it. It is for what must be known before rows are sent.
	Note(ctx context.Context, state any) error

	// Fail reports that a table cannot be read now, by the error's own
	// account, while the others go on. Rows already sent stay. The state
	// must make the next sync try the table again.
	Fail(table schema.Name, err error)

	// Warn reports something that loses nothing of the sync as a whole.
	// Equal warnings are kept once.
	Warn(w setup.Warning)

	// Progress says how many rows a table is expected to send in all in
	// this sync, about. It is for people; it may be called again.
	Progress(table schema.Name, rows int64)

	// Live returns the number of rows of a table that are not marked as
	// deleted in the destination, everything written so far included.
	Live(ctx context.Context, table schema.Name) (int64, error)

	// Passes reports whether rows of the table may be sent encoded in f:
	// the destination speaks it and nothing on the way needs to see values.
	// t has the types that the rows would have.
	Passes(ctx context.Context, t *schema.Table, f schema.Format) (bool, error)
}

// BatchBytes is the size of batch, in memory, that suits destinations.
const BatchBytes = 4 << 20
