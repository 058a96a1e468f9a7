package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"time"
)

// A Package is the code of a Connector SDK connection, a zip file.
type Package struct {
	ID           string
	AccountID    string
	ConnectionID string // whose code it is; "": nobody's. Set by the store
	Size         int64  // bytes
	SHA256       string // of the file, in hexadecimal
	CreatedBy    string // a user's or a system key's id; so is the next
	UpdatedBy    string
	CreatedAt    time.Time
	UpdatedAt    time.Time

	revision int64
}

var packageColumns = columns{"id", "account_id", "revision", "size", "sha256", "created_by", "updated_by", "created_at", "updated_at"}

func scanPackage(row scanner) (p Package, err error) {
	err = row.Scan(&p.ID, &p.AccountID, &p.revision, &p.Size, &p.SHA256, &p.CreatedBy, &p.UpdatedBy, stamp{&p.CreatedAt}, stamp{&p.UpdatedAt},
		text{&p.ConnectionID})
	return p, known(err)
}

func (p *Package) values() []any {
	return []any{p.ID, p.AccountID, p.revision, p.Size, p.SHA256, p.CreatedBy, p.UpdatedBy, micros(p.CreatedAt), micros(p.UpdatedAt)}
}

const packageUser = `, (select id from connections where package_id = sdk_packages.id) as connection_id`

var (
	packageByID  = `select ` + packageColumns.list() + packageUser + ` from sdk_packages where id = $1 and account_id = $2`
	packagesPage = `select ` + packageColumns.list() + packageUser + ` from sdk_packages
		where account_id = $1 and ($2 = '' or created_by = $2) and (created_at, id) > ($3, $4) order by created_at, id limit $5`
)

// PackageIn returns a package of an account.
func (s *Store) PackageIn(ctx context.Context, accountID, id string) (*Package, error) {
	p, err := scanPackage(s.row(ctx, packageByID, id, accountID))
	if err != nil {
		return nil, err
	}
	return &p, nil
}

// Packages returns a page of an account's packages, of those that one user or
// system key has made unless by is empty, and the cursor of the next.
func (s *Store) Packages(ctx context.Context, accountID, by string, page Page) ([]Package, string, error) {
	return readPage(ctx, s, page, packagesPage, []any{accountID, by}, scanPackage,
		func(p *Package) (time.Time, string) { return p.CreatedAt, p.ID })
}

// CreatePackage adds a package with its file, which is read to its end. An
// empty ID and the times are filled in.
func (s *Store) CreatePackage(ctx context.Context, p *Package, file io.Reader) error {
	created(&p.CreatedAt)
	p.UpdatedAt, p.UpdatedBy, p.revision = p.CreatedAt, p.CreatedBy, 1
	return withID(ctx, s, "sdk_packages", &p.ID, func() error {
		return s.once(ctx, func(tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, packageColumns.insert("sdk_packages"), p.values()...); err != nil {
				return err
			}
			return putParts(ctx, tx, p, file)
		})
	})
}

// ReplacePackage gives a package another file, which is read to its end. Size,
// SHA256 and UpdatedBy are the new ones; UpdatedAt is set.
func (s *Store) ReplacePackage(ctx context.Context, p *Package, file io.Reader) error {
	p.UpdatedAt = now()
	return s.once(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, `select revision + 1 from sdk_packages where id = $1`+s.dialect.forUpdate, p.ID).Scan(&p.revision)
		if err != nil {
			return err
		}
		if err := one(tx.ExecContext(ctx, packageColumns.update("sdk_packages"), p.values()...)); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `delete from sdk_package_parts where package_id = $1`, p.ID); err != nil {
			return err
		}
		return putParts(ctx, tx, p, file)
	})
}

// partBytes is the size of the parts in which a file is stored.
const partBytes = 1 << 20

func putParts(ctx context.Context, tx *sql.Tx, p *Package, file io.Reader) error {
	buf := make([]byte, partBytes)
	for part := 0; ; part++ {
		n, err := io.ReadFull(file, buf)
		if n > 0 {
			if _, err := tx.ExecContext(ctx, `insert into sdk_package_parts (package_id, revision, part, content) values ($1, $2, $3, $4)`,
				p.ID, p.revision, part, buf[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// WritePackage writes a package's file to w. It fails in the middle if the
// file is replaced meanwhile: half of one file and half of another is none.
func (s *Store) WritePackage(ctx context.Context, p *Package, w io.Writer) error {
	for part, sent := 0, int64(0); sent < p.Size; part++ {
		var b []byte
		err := known(s.row(ctx, `select content from sdk_package_parts where package_id = $1 and revision = $2 and part = $3`,
			p.ID, p.revision, part).Scan(&b))
		if err != nil {
			return fmt.Errorf("package %s: %w", p.ID, err)
		}
		n, err := w.Write(b)
		if err != nil {
			return err
		}
		sent += int64(n)
	}
	return nil
}

// DeletePackage removes a package and its file. It is ErrInUse while it is a
// connection's. On PostgreSQL a connection that is made at the same moment may
// keep its id.
func (s *Store) DeletePackage(ctx context.Context, id string) error {
	return s.in(ctx, func(tx *sql.Tx) error {
		var n int
		if err := tx.QueryRowContext(ctx, `select count(*) from connections where package_id = $1`, id).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return ErrInUse
		}
		return one(tx.ExecContext(ctx, `delete from sdk_packages where id = $1`, id))
	})
}
