// Package postgres is the destination "postgres_warehouse", a PostgreSQL
// database, and those that are the same run by somebody else.
//
// Rows travel in the binary format of COPY. A source that speaks it too, and
// whose types are the table's, can hand its rows over as they are: to each is
// added no more than the two system columns.
//
// A table is loaded without an index. The end of the sync makes one on the key,
// or else the first merge, which finds its rows with it.
package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/penstock-data/penstock/destination"
	"github.com/penstock-data/penstock/destination/sqlwriter"
	"github.com/penstock-data/penstock/schema"
	"github.com/penstock-data/penstock/setup"
)

// Config is what a destination of this kind is configured with; the fields are
// those of postgres_warehouse in Fivetran's API definition (2026-07).
type Config struct {
	Host            string     `json:"host" title:"Host" help:"Name or address of the server." required:"true"`
	Port            setup.Port `json:"port" title:"Port" help:"Port of the server." default:"5432" quoted:"true"`
	Database        string     `json:"database" title:"Database" help:"The database that the tables are written to." required:"true"`
	User            string     `json:"user" title:"User" help:"A role that may create schemas in the database." required:"true" external:"true"`
	Password        string     `json:"password" title:"Password" help:"The role's password." secret:"true" when:"auth_method=PASSWORD"`
	AuthMethod      string     `json:"auth_method" title:"Authentication method" help:"How the role proves who it is." enum:"PASSWORD,CLIENT_CERTIFICATE,ENTRA_ID,AWS_IAM" default:"PASSWORD"`
	ConnectionType  string     `json:"connection_type" title:"Connection method" help:"How the server is reached." enum:"Directly,PrivateLink,SshTunnel,ProxyAgent" default:"Directly"`
	AlwaysEncrypted bool       `json:"always_encrypted" title:"Require TLS" help:"Refuse a connection that is not encrypted, or whose certificate nobody vouches for."`

	setup.Tunnel `quoted:"true"`

	AWSRegionCode string `json:"aws_region_code,omitempty" title:"AWS region" help:"For auth_method AWS_IAM." when:"auth_method=AWS_IAM"`
	RoleARN       string `json:"role_arn,omitempty" title:"Role ARN" help:"For auth_method AWS_IAM." secret:"true" when:"auth_method=AWS_IAM"`
	ExternalID    string `json:"external_id,omitempty" title:"External id" help:"For auth_method AWS_IAM." readonly:"true" when:"auth_method=AWS_IAM"`
}

// Services are PostgreSQL wherever it runs. Fivetran has an id for each of these
// places, and the same fields for all; in Amazon's there are fewer ways to log
// in (its API definition, 2026-07).
var Services = []destination.Service{
	service("postgres_warehouse", "PostgreSQL"),
	service("aurora_postgres_warehouse", "Amazon Aurora PostgreSQL", "PASSWORD", "AWS_IAM"),
	service("azure_postgres_warehouse", "Azure Database for PostgreSQL"),
	service("postgres_gcp_warehouse", "Google Cloud SQL for PostgreSQL"),
	service("postgres_rds_warehouse", "Amazon RDS for PostgreSQL", "PASSWORD", "AWS_IAM"),
}

func service(id, name string, logins ...string) destination.Service {
	d := setup.Describe(name, Config{})
	if logins != nil {
		d.Field("auth_method").Enum = logins
	}
	return destination.Service{ID: id, Name: name, Config: d, MaxName: 63, Open: open}
}

type warehouse struct {
	Config
	env destination.Env
}

func open(config json.RawMessage, env destination.Env) (destination.Destination, error) {
	w := &warehouse{env: env}
	if err := json.Unmarshal(config, &w.Config); err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	if w.Port == 0 {
		w.Port = 5432
	}
	if w.AuthMethod != "" && w.AuthMethod != "PASSWORD" {
		return nil, unsupported("auth_method", w.AuthMethod)
	}
	if !setup.Reaches(w.ConnectionType, env.Dial != nil) {
		return nil, unsupported("connection_type", w.ConnectionType)
	}
	return w, nil
}

func unsupported(field, value string) error {
	return &setup.Problem{Code: "unsupported_config", Message: fmt.Sprintf("The destination PostgreSQL does not support %s %s yet.", field, value)}
}

// How much of a sync's memory stages and sessions take is the server's affair;
// these bound what it is asked for at a time.
const (
	maxSessions = 6
	stageBytes  = 64 << 20
	inlineMost  = 5000 // columns in one transaction
)

func (w *warehouse) Writer(ctx context.Context, opt destination.Options) (destination.Writer, error) {
	db := &database{w: w, warn: opt.Warn, indexed: map[schema.Name]index{}}
	if err := db.meta(ctx, func(c conn) error { return nil }); err != nil {
		return nil, err
	}
	return writer{sqlwriter.New(db, &dialect, opt, sqlwriter.Limits{Sessions: maxSessions, Stage: stageBytes, Inline: inlineMost})}, nil
}

// A writer speaks PostgreSQL's own format beside Arrow.
type writer struct{ destination.Writer }

func (w writer) Finish(ctx context.Context) { w.Writer.(destination.Finisher).Finish(ctx) }

func (w writer) Accepts(ctx context.Context, t *schema.Table, f schema.Format) (bool, error) {
	if f != schema.PostgresBinary {
		return false, nil
	}
	have, err := w.Table(ctx, t.Name)
	if err != nil || have == nil {
		return have == nil, err
	}
	for _, c := range t.Columns {
		// Where the two differ, Migrate makes the column the wider of both.
		if i := have.Index(c.Name); i >= 0 && schema.Join(have.Columns[i].Type, c.Type) != c.Type {
			return false, nil
		}
	}
	return true, nil
}
