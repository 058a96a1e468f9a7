// Package postgres reads PostgreSQL 10 and later: with queries alone, for which
// nothing is installed in the source, or with a replication slot as well, whose
// changes take the place of increments.
//
// # Snapshots
//
// A sync reads everything under one exported snapshot, shared by a few
// connections. A historical load copies ranges of a table's pages (ctid) and
// remembers which ranges it has finished.
//
// # Increments
//
// Every row version carries the transaction that wrote it, xmin. Let X be the
// pg_snapshot_xmin of a snapshot: each transaction below X had ended when it
// was taken. A row version that a later snapshot sees and the earlier one did
// not was written by a transaction that the earlier one took for running or
// not yet begun, so by one at or above X. Reading all rows with xmin ≥ X
// under the later snapshot therefore misses nothing. It holds for
//
//   - transactions that were running at the earlier snapshot, prepared ones
//     included: they are above or at X by definition of X;
//   - subtransactions: their ids are larger than their parent's;
//   - frozen rows: since version 9.4 freezing sets a flag and keeps xmin;
//   - VACUUM FULL and CLUSTER: rows move and keep their xmin;
//   - rewrites by ALTER TABLE: all rows get a new xmin and are read again;
//   - standbys: ids not yet seen there are above all that were seen.
//
// It does not hold for rows that come into a table without being written: by
// attaching a partition or renaming a table over another. The state therefore
// knows tables by oid, and an oid that it does not know is read whole. Nor
// does it hold if the source's history changes: after a restore everything is
// read again, and after a failover unless the log shows better, see below.
//
// xmin has 32 bits and wraps. X is kept with its 64 bits; as long as fewer
// than 2³¹ transactions have passed since, age(xmin) ≤ age(X) compares right.
// Older horizons mean a full read. A row frozen longer than 2³¹ transactions
// ago seems to come from the future, its age is negative, and it is passed
// over: a row that is new never has a negative age.
//
// After an interrupted load has been resumed under a new snapshot, rows may
// have moved from pages not read yet to pages already read. Whatever moved
// was written, so an increment from the first snapshot's X closes the gap
// before the table counts as loaded.
//
// # Deletes
//
// After its increments are written, a table with a key holds at least the
// source's rows. Equal counts then prove equal sets. If the counts differ,
// the source's keys are sent and the others swept.
//
// A table without a key is read again as a whole when anything in it changed,
// and rows that were not seen are marked as deleted. Views and foreign tables
// tell nothing about changes and are read again in every sync.
//
// # Filters
//
// A load, a count and a comparison of keys are of the rows that meet the
// table's filter. An increment is of all rows that were written: whoever takes
// them deletes those that do not meet it, so that the counts are equal again.
//
// # DDL
//
// TRUNCATE and rewriting forms of ALTER TABLE make a table look empty to
// older snapshots. A read is believed only if the table's file is still the
// one that the snapshot's catalog names when the read has finished; otherwise
// the table is read again under another snapshot.
//
// # The log
//
// With WAL_PGOUTPUT queries stay the one way to bring a table to the state of a
// snapshot S, whatever was applied to it before. From S on the table is handed
// over to the log: a change is applied if S does not see its transaction, which
// the snapshot's list of running transactions tells exactly. Nothing of a table
// that is not handed over is taken from the log. So loads can be interrupted, a
// table that fails holds back no other, a slot that is lost costs an increment
// by xmin, and the update method can be changed at any time. A table that a sync
// has to leave out is left to queries: the log is read past what it has of it.
//
// A commit is in the log before others see what was committed, long before with
// synchronous replication. A transaction that was consumed already must not be
// invisible in a later S, or a table handed over then would lack it: so the
// transactions consumed lately are kept, and S is taken again until it sees
// them. What a new slot does not send is what the snapshot sees that is made
// with it; S must see that too.
//
// Transactions that run while a table is added to a publication have only some
// of their changes published. A table is handed over once they have ended. What
// is published of a table has a mark, made of the catalog rows that say it; if
// that is another one, changes may be missing, and the table is left to queries
// once. So is one whose rows are in other files than before: it was written
// anew, or partitions came, of which the log says nothing.
//
// The state names the position behind the last commit that is durable in the
// destination. First it is saved, then the server is told that it may forget
// what is before. A slot that has forgotten more was read by somebody else.
//
// The horizon of the tables that were handed over is an X as above, taken before
// a position of the log, once the log has been read to that position: every
// transaction below X had ended when it was taken, and its commit is before.
//
// Changes are sent in another order than they came in, but in their order for
// each key; see window. A large value that an update did not touch is not in
// the log: the columns that are get updated, or the row is read again by its key
// if that is not enough. That may be a later state of the row than the change's;
// then the log repeats what is later.
//
// What a slot has forgotten may be in files instead, see spill: they are read
// before the slot goes on.
//
// A transaction whose rows are described otherwise than the catalog has them is
// older than the catalog if S sees it: columns that it lacks were added later,
// others were dropped. If S does not see it, the sync ends before it, and the
// catalog is read again.
//
// # Failover
//
// A server that was promoted shares the log of the one before up to the place
// where their timelines part. The state has a mark, a position before which
// all was committed that was ever sent, and of which its positions, snapshots
// and horizons speak. It is saved before rows are sent that were committed
// later, also by syncs that broke off. If the mark is not behind the parting,
// the new server has all of it, and the same transactions with the same ids:
// the horizons hold, and the slot, which is not there, is lost like any other.
package postgres

import (
	"encoding/json"
	"time"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/sqlsource"
	"github.com/penstock-data/penstock/setup"
)

// Values of config fields.
const (
	queryBased        = "QUERY_BASED"
	xmin              = "XMIN" // what clients of Fivetran called queryBased before (go-fivetran 1.3.8, tests/e2e)
	byLog             = "WAL_PGOUTPUT"
	passwordAuth      = "PASSWORD"
	clientCertificate = "CLIENT_CERTIFICATE"
	directly          = "Directly"
)

type config struct {
	Host     string `json:"host" title:"Host" help:"Name or IP address of the database server." required:"true"`
	Port     int    `json:"port" title:"Port" help:"TCP port on which the server listens." default:"5432"`
	Database string `json:"database" title:"Database" help:"The database to read; each connection reads one." required:"true"`
	User     string `json:"user" title:"User" help:"Login role. It needs USAGE on the schemas and SELECT on the tables to be read, and REPLICATION for WAL_PGOUTPUT." required:"true" external:"true"`
	Password string `json:"password" title:"Password" help:"The role's password." secret:"true" when:"auth_method=PASSWORD"`

	AuthMethod        string `json:"auth_method" title:"Authentication" help:"How the role logs in. PASSWORD and CLIENT_CERTIFICATE can be used." enum:"PASSWORD,CLIENT_CERTIFICATE,AWS_IAM,ENTRA_ID" default:"PASSWORD"`
	ClientCertificate string `json:"client_public_certificate" title:"Client certificate" help:"Certificate in PEM form, for CLIENT_CERTIFICATE." when:"auth_method=CLIENT_CERTIFICATE"`
	ClientKey         string `json:"client_private_key" title:"Client key" help:"Private key of the client certificate, in PEM form." secret:"true" when:"auth_method=CLIENT_CERTIFICATE"`
	EntraApp          string `json:"entra_app_id" title:"Entra application id" help:"Id of the registered application, for ENTRA_ID." when:"auth_method=ENTRA_ID"`
	EntraTenant       string `json:"entra_tenant_id" title:"Entra tenant id" help:"Id of the Azure tenant, for ENTRA_ID." when:"auth_method=ENTRA_ID"`

	UpdateMethod    string `json:"update_method" title:"Update method" help:"How changes are found. QUERY_BASED reads them by the system columns xmin and ctid and needs no set-up in the source; XMIN is its older name. WAL_PGOUTPUT reads them from the log, which needs wal_level logical and a role with REPLICATION." enum:"QUERY_BASED,WAL_PGOUTPUT,XMIN" default:"QUERY_BASED"`
	Publication     string `json:"publication_name" title:"Publication" help:"Name of the publication, for WAL_PGOUTPUT. It is made, and tables are added to it, where the role may." when:"update_method=WAL_PGOUTPUT"`
	ReplicationSlot string `json:"replication_slot" title:"Replication slot" help:"Name of the logical replication slot, for WAL_PGOUTPUT, which no other connection has. It is made if it is not there." when:"update_method=WAL_PGOUTPUT"`
	CaptureDeletes  bool   `json:"delete_capture_enabled" title:"Capture deletes" help:"Marks rows as deleted in the destination that are gone from the source. With QUERY_BASED it costs a count of each table per sync." default:"true"`

	ConnectionType  string `json:"connection_type" title:"Connection" help:"How the server is reached: Directly, or through an SSH server with SshTunnel." enum:"Directly,PrivateLink,SshTunnel,ProxyAgent" default:"Directly"`
	AlwaysEncrypted bool   `json:"always_encrypted" title:"Require TLS" help:"Refuses unencrypted connections and checks the server's certificate." default:"true"`
	setup.Tunnel
}

// maxConnections bounds what a sync takes of a server's connections.
const maxConnections = 16

// A source is one database.
type source struct {
	config
	env connector.Env

	workers         int           // connections that read at a time
	rangeBytes      int64         // of a table that are read in one piece
	checkpointBytes int64         // sent between two checkpoints within a table
	roundTime       time.Duration // that loads may go on while the log waits
	spillPart       int64         // bytes of a file of changes, about
	spillStep       int64         // after which what was spilled is put on disk, and the server told
	timeout         time.Duration // of connecting
	patience        time.Duration // for transactions that are running, or that others do not see yet
}

func open(raw json.RawMessage, env connector.Env) (connector.Source, error) {
	s := &source{env: env, workers: 2, rangeBytes: 64 << 20, checkpointBytes: 1 << 30, roundTime: 10 * time.Minute, spillPart: 256 << 20, spillStep: 32 << 20, timeout: 20 * time.Second, patience: 10 * time.Minute}
	if err := json.Unmarshal(raw, &s.config); err != nil {
		return nil, err
	}
	if s.Port == 0 {
		s.Port = 5432
	}
	if env.Connections > 0 {
		s.workers = min(env.Connections, maxConnections)
	}
	if s.env.Memory == 0 {
		s.env.Memory = 64 << 20
	}
	return s, nil
}

func (s *source) limits() sqlsource.Limits {
	return sqlsource.Limits{Workers: s.workers, CheckpointBytes: s.checkpointBytes, RoundTime: s.roundTime, Memory: s.env.Memory / 4}
}

// Close implements connector.Source. A source holds no connection between calls.
func (s *source) Close() error { return nil }

// usable returns the problem with options that name something which is not
// there, or nil.
func (s *source) usable() *setup.Problem {
	refuse := func(field, got, want string) *setup.Problem {
		return &setup.Problem{Code: "config_not_supported", Message: field + " " + got + " is not available; set it to " + want}
	}
	switch {
	case s.UpdateMethod != "" && s.UpdateMethod != queryBased && s.UpdateMethod != xmin && s.UpdateMethod != byLog:
		return refuse("update_method", s.UpdateMethod, queryBased+" or "+byLog)
	case s.UpdateMethod == byLog && (s.Publication == "" || s.ReplicationSlot == ""):
		return &setup.Problem{Code: "config_missing", Message: "update_method " + byLog + " needs publication_name and replication_slot"}
	case !setup.Reaches(s.ConnectionType, s.env.Dial != nil):
		return refuse("connection_type", s.ConnectionType, directly)
	case s.AuthMethod != "" && s.AuthMethod != passwordAuth && s.AuthMethod != clientCertificate:
		return refuse("auth_method", s.AuthMethod, passwordAuth+" or "+clientCertificate)
	}
	return nil
}

// batchBytes is the size of a batch: every worker has one that it fills, one
// that it hands over, and as much again while a buffer grows.
func (s *source) batchBytes() int {
	return int(max(64<<10, min(connector.BatchBytes, s.env.Memory/int64(4*s.workers))))
}
