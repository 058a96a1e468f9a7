package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/penstock-data/penstock/destination/sqlwriter"
	"github.com/penstock-data/penstock/schema"
)

// writeTuples passes rows on that are in the server's own format. A row is the
// number of its fields in two bytes, then each field's length in four bytes
// and its value; the length -1 is NULL. The number is raised and the fields that
// the table has besides are put at the end.
func (st *stream) writeTuples(ctx context.Context, e *schema.Encoded, seq int64) error {
	data, fields := e.Data, len(st.load.Shape.Columns)
	added := len(st.load.Constants)
	suffix := st.suffix
	if st.load.Stage {
		added, suffix = 1, make([]byte, 12)
		suffix[3] = 8
	}
	var rows int64
	for len(data) > 0 {
		size, err := tupleSize(data, fields)
		if err != nil {
			return err
		}
		if len(st.chunk) > 0 && len(st.chunk)+size+len(suffix) > sqlwriter.ChunkSize {
			if err := st.send(ctx); err != nil {
				return err
			}
		}
		if st.load.Stage {
			binary.BigEndian.PutUint64(suffix[4:], uint64(seq+rows))
		}
		st.chunk = binary.BigEndian.AppendUint16(st.chunk, uint16(fields+added))
		st.chunk = append(st.chunk, data[2:size]...)
		st.chunk = append(st.chunk, suffix...)
		data = data[size:]
		rows++
	}
	if rows != e.Rows {
		return fmt.Errorf("%d encoded rows where %d were announced", rows, e.Rows)
	}
	return nil
}

// tupleSize returns the bytes that the first row in data takes.
func tupleSize(data []byte, fields int) (int, error) {
	if len(data) < 2 || int(binary.BigEndian.Uint16(data)) != fields {
		return 0, errTuple
	}
	at := 2
	for range fields {
		if len(data)-at < 4 {
			return 0, errTuple
		}
		n := int(int32(binary.BigEndian.Uint32(data[at:])))
		at += 4
		if n > 0 {
			at += n
		}
	}
	if at > len(data) {
		return 0, errTuple
	}
	return at, nil
}

var errTuple = errors.New("encoded rows are not of the table's columns")
