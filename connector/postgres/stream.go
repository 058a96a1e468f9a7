package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/penstock-data/penstock/setup"
)

// connectReplication opens a connection that speaks the replication protocol,
// and SQL as well. Values have the text forms of [session] there too, since a
// slot's changes are written by the session that asks for them.
func (s *source) connectReplication(ctx context.Context) (*pgconn.PgConn, error) {
	cfg, err := s.connConfig()
	if err != nil {
		return nil, err
	}
	cfg.RuntimeParams["replication"] = "database"
	conn, err := pgconn.ConnectConfig(ctx, &cfg.Config)
	if err != nil {
		return nil, s.replicationError(ctx, err)
	}
	// A new slot waits for the end of all transactions that are running.
	settings := session + `; set lock_timeout = 0;
		select set_config(name, '60s', false) from pg_settings
		where name = 'wal_sender_timeout' and context = 'user' and setting::int between 1 and 59999`
	if _, err := conn.Exec(ctx, settings).ReadAll(); err != nil {
		conn.Close(context.WithoutCancel(ctx))
		return nil, s.replicationError(ctx, err)
	}
	return conn, nil
}

// replicationError is connectError for what a role needs to read the log.
func (s *source) replicationError(ctx context.Context, err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "42501" && ctx.Err() == nil {
		return &setup.Problem{Code: "replication_not_allowed", Message: fmt.Sprintf(
			"%s says: %s; a superuser can run: ALTER ROLE %s REPLICATION", s.address(), pg.Message, pgx.Identifier{s.User}.Sanitize())}
	}
	return s.connectError(ctx, err)
}

// A stream is the changes of a slot as they come. One goroutine reads it;
// another tells the server every few seconds that somebody is there, however
// long the reader is busy elsewhere.
type stream struct {
	ctx    context.Context
	conn   *pgconn.PgConn
	nc     net.Conn
	frames frames
	stop   func() bool
	before *spillReader // what comes before the slot's; nil: nothing, or it was read

	cancel context.CancelFunc
	ended  sync.WaitGroup
	asked  chan time.Duration // an answer is wanted, after a while

	mu       sync.Mutex // guards what follows, and writing
	received position
	durable  position
}

// statusEvery is well below the server's wal_sender_timeout, which is a minute
// unless somebody has changed it.
const statusEvery = 10 * time.Second

// streamOptions are what pgoutput is told. early asks for changes of large
// transactions before they have ended.
func streamOptions(publication string, early bool) string {
	how := "proto_version '1'"
	if early {
		how = "proto_version '2', streaming 'on'"
	}
	return fmt.Sprintf("%s, publication_names '%s'", how, strings.ReplaceAll(pgx.Identifier{publication}.Sanitize(), "'", "''"))
}

// streamOf starts to read a slot behind a position. What the server may forget
// it is told by confirm.
func (s *source) streamOf(ctx context.Context, slot, options string, from position) (*stream, error) {
	conn, err := s.connectReplication(ctx)
	if err != nil {
		return nil, err
	}
	st := &stream{conn: conn, nc: conn.Conn(), asked: make(chan time.Duration, 1), received: from}
	ctx, st.cancel = context.WithCancel(ctx)
	st.ctx = ctx
	if err = conn.SyncConn(ctx); err == nil {
		st.stop = context.AfterFunc(ctx, func() { st.nc.SetDeadline(time.Unix(1, 0)) })
		r := newBulkReader(ctx, st.nc)
		st.frames = frames{r: r, buf: make([]byte, bulkBytes)}
		err = st.start(slot, options, from)
	}
	if err != nil {
		st.cancel()
		st.close()
		return nil, err
	}
	st.ended.Go(st.report)
	return st, nil
}

func (s *stream) start(slot, options string, from position) error {
	sql := fmt.Sprintf("START_REPLICATION SLOT %s LOGICAL %s (%s)", pgx.Identifier{slot}.Sanitize(), from, options)
	query, err := (&pgproto3.Query{String: sql}).Encode(nil)
	if err != nil {
		return err
	}
	if _, err := s.nc.Write(query); err != nil {
		return err
	}
	for {
		kind, body, err := s.frames.next()
		if err != nil {
			return s.cause(err)
		}
		switch kind {
		case 'W':
			return nil
		case 'E':
			return serverError(body)
		case 'N', 'S':
		default:
			return errProtocol
		}
	}
}

func serverError(body []byte) error {
	var msg pgproto3.ErrorResponse
	if err := msg.Decode(body); err != nil {
		return err
	}
	return pgconn.ErrorResponseToPgError(&msg)
}

// cause returns why the connection broke: the end of the context comes first.
func (s *stream) cause(err error) error {
	if s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	return err
}

// next returns the next change, or nil with the place up to which all has
// been sent. It is valid until the call after.
func (s *stream) next() (change []byte, sent position, err error) {
	if s.before != nil {
		change, sent, err = s.before.next()
		if err != io.EOF || s.ctx.Err() != nil {
			return change, sent, s.cause(err)
		}
		s.before = nil
	}
	for {
		kind, body, err := s.frames.next()
		if err != nil {
			return nil, 0, s.cause(err)
		}
		switch kind {
		case 'd':
			c := cursor{b: body}
			switch c.uint8() {
			case 'w':
				c.bytes(8)
				sent = position(c.uint64())
				c.bytes(8)
				if c.bad || len(c.b) == 0 {
					return nil, 0, errProtocol
				}
				return c.b, sent, nil
			case 'k':
				sent = position(c.uint64())
				c.bytes(8)
				urgent := c.uint8() != 0
				if err := c.done(); err != nil {
					return nil, 0, err
				}
				s.took(sent)
				if urgent {
					if err := s.tell(false); err != nil {
						return nil, 0, s.cause(err)
					}
				}
				return nil, sent, nil
			}
			return nil, 0, errProtocol
		case 'E':
			return nil, 0, serverError(body)
		case 'N', 'S', 'A':
		case 'c', 'C', 'Z':
			return nil, 0, errors.New("the server has ended the stream of changes")
		default:
			return nil, 0, errProtocol
		}
	}
}

// idle reports whether the server has sent all there is and waits for more.
func (s *stream) idle(ctx context.Context, conn *pgx.Conn) (idle bool, err error) {
	err = conn.QueryRow(ctx, `select exists (select from pg_stat_activity where pid = $1 and wait_event ilike 'WalSenderWaitForWal')`, s.pid()).Scan(&idle)
	return idle, err
}

// took notes how far the reader is, for the server's statistics.
func (s *stream) took(p position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.received = max(s.received, p)
}

// confirm tells the server that it need not keep what is before p.
func (s *stream) confirm(p position) error {
	s.mu.Lock()
	s.durable = max(s.durable, p)
	s.received = max(s.received, p)
	s.mu.Unlock()
	if err := s.tell(false); err != nil {
		return s.cause(err)
	}
	return nil
}

// ask has the server asked, after a while, where it is.
func (s *stream) ask(after time.Duration) {
	select {
	case s.asked <- after:
	default:
	}
}

// report is the goroutine that tells the server that somebody is there. An
// error of writing shows in reading, too.
func (s *stream) report() {
	tick := time.NewTicker(statusEvery)
	defer tick.Stop()
	for {
		ask := false
		select {
		case <-tick.C:
		case after := <-s.asked:
			ask = true
			select {
			case <-time.After(after):
			case <-s.ctx.Done():
				return
			}
		case <-s.ctx.Done():
			return
		}
		if s.tell(ask) != nil {
			return
		}
	}
}

// tell sends a standby status update.
func (s *stream) tell(ask bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := append(make([]byte, 0, 39), 'd', 0, 0, 0, 38, 'r')
	b = binary.BigEndian.AppendUint64(b, uint64(s.received))
	b = binary.BigEndian.AppendUint64(b, uint64(s.durable))
	b = binary.BigEndian.AppendUint64(b, uint64(s.durable))
	b = binary.BigEndian.AppendUint64(b, uint64(time.Now().UnixMicro()-epochMicros))
	b = append(b, 0)
	if ask {
		b[len(b)-1] = 1
	}
	_, err := s.nc.Write(b)
	return err
}

// pid is the server's process that sends the changes.
func (s *stream) pid() uint32 { return s.conn.PID() }

func (s *stream) close() {
	s.before.close()
	s.cancel()
	s.ended.Wait()
	s.nc.Close() // what was confirmed has been written, and is read before the end
	s.conn.Close(context.WithoutCancel(s.ctx))
}
