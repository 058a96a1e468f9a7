package postgres

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/penstock-data/penstock/connector"
	"github.com/penstock-data/penstock/connector/sqlsource"
	"github.com/penstock-data/penstock/schema"
)

// applying returns a follower of one table, with relation 1, that sends what it
// is given to out.
func applying(out connector.Output) *follower {
	st := &state{Version: 1, Tables: map[string]map[string]*tableState{}, Log: &logState{}}
	s := &source{config: config{CaptureDeletes: true}, env: connector.Env{Memory: 64 << 20}, workers: 2, checkpointBytes: 1 << 30}
	r := &run{Sync: sqlsource.New(st, connector.Request{}, out, s.limits()), source: s, out: out, state: st}
	f := &follower{run: r, holders: map[uint32]*logged{}, maps: map[uint32]*mapping{}}
	f.Follower = sqlsource.NewFollower(r.Sync, f, &st.Mark)
	f.From(&st.Log.Place)
	l := f.add(applied(r))
	f.maps[1] = &mapping{to: l, at: l.everything}
	return f
}

// applied is a table of five columns.
func applied(r *run) *reading {
	t := &reading{run: r, snap: &snapshot{}, rel: &relation{OID: 1}, table: &schema.Table{Name: schema.Name{Schema: "public", Table: "t"}}, st: &tableState{Log: &handover{}}}
	for i, kind := range []schema.Kind{schema.Int, schema.Int, schema.Long, schema.String, schema.String} {
		decode := map[schema.Kind]decodeFunc{schema.Int: int4Text, schema.Long: int8Text, schema.String: decodeText}[kind]
		c := schema.Column{Name: fmt.Sprint("c", i), Type: schema.Type{Kind: kind}, Key: i == 0}
		t.cols = append(t.cols, column{Name: c.Name, Type: c.Type, logged: decode, exact: true})
		t.table.Columns = append(t.table.Columns, c)
	}
	return t
}

// BenchmarkApply applies transactions of one change to ten, without a server:
// of twenty changes one deletes a row.
func BenchmarkApply(b *testing.B) {
	f := applying(&discard{})
	messages := make([][]byte, 1000)
	for i := range messages {
		kind, values := byte('I'), []string{fmt.Sprint(i), "12", fmt.Sprint(i * 7000), "a name", "updated"}
		if i%20 == 0 {
			kind, values = 'D', values[:1]
		}
		m := binary.BigEndian.AppendUint32([]byte{kind}, 1)
		if m = append(m, 'N'); kind == 'D' {
			m[5] = 'K'
		}
		m = binary.BigEndian.AppendUint16(m, 5)
		for j := range 5 {
			if j >= len(values) {
				m = append(m, 'n')
				continue
			}
			m = append(binary.BigEndian.AppendUint32(append(m, 't'), uint32(len(values[j]))), values[j]...)
		}
		messages[i] = m
	}
	ctx, at := context.Background(), uint64(100)
	apply := func(msg []byte) {
		if _, err := f.apply(ctx, msg); err != nil {
			b.Fatal(err)
		}
	}
	transaction := func(i, n int) {
		m := binary.BigEndian.AppendUint64([]byte{'B'}, at)
		m = binary.BigEndian.AppendUint64(m, at)
		apply(binary.BigEndian.AppendUint32(m, uint32(at)))
		for j := range n {
			apply(messages[(i+j)%len(messages)])
		}
		m = binary.BigEndian.AppendUint64([]byte{'C', 0}, at)
		m = binary.BigEndian.AppendUint64(m, at+1)
		apply(binary.BigEndian.AppendUint64(m, at))
		at += 2
		f.early = f.early[:0]
	}
	start := cpu()
	for i, n := 0, 0; b.Loop(); i++ {
		if n == 0 {
			n = 1 + i%10
			transaction(i, n)
		}
		n--
	}
	b.ReportMetric((cpu()-start)*1e9/float64(b.N), "cpu-ns/change")
}
