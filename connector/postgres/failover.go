package postgres

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/penstock-data/penstock/setup"
)

// inherit makes the state one of the server that answers now. If that has gone
// over from the one before, behind all that the state is about, nothing of it
// changes; else nothing can be said about what changed, and the state begins
// anew.
func (r *run) inherit(ctx context.Context, now string) error {
	was := r.state.Origin
	if was == now || was == "" || len(r.state.Tables) == 0 {
		r.belongTo(now)
		return nil
	}
	why, err := r.source.estranged(ctx, r.state, now)
	if err != nil {
		return err
	}
	if why == "" {
		r.out.Warn(setup.Warning{Code: "failover", Message: fmt.Sprintf(
			"%s has gone over to another server, which has all that was copied. Tables are not read again.", r.source.address())})
		r.state.Origin = now
		r.Touch()
		return r.Checkpoint(ctx)
	}
	if err := r.mayHeal(fmt.Sprintf("%s has another history than before: %s", r.source.address(), why)); err != nil {
		return err
	}
	r.out.Warn(setup.Warning{Code: "history_changed", Message: fmt.Sprintf(
		"%s has another history than before: %s. All tables are read again.", r.source.address(), why)})
	r.belongTo(now)
	return nil
}

// mayHeal returns a problem if people want to be asked before anything is done
// about a gap in the log.
func (r *run) mayHeal(gap string) error {
	if !r.req.StopAtGap || !r.state.Logs() {
		return nil
	}
	return &setup.Problem{Code: "log_gap", Message: gap + ". Nothing was changed, because at_log_gap is STOP. " +
		"To go on with what queries find of the rows as they are now, set at_log_gap to HEAL for one sync; or re-sync the connection"}
}

// estranged says why the history of the server that answers now may lack
// something that a state is about; "": it has all of it.
func (s *source) estranged(ctx context.Context, st *state, now string) (why string, err error) {
	system, before, ok := parseOrigin(st.Origin)
	systemNow, timeline, okNow := parseOrigin(now)
	switch {
	case !ok || !okNow:
		return "the role may not see which it is", nil
	case system != systemNow:
		return "it is another database cluster, or a restored one", nil
	case st.Mark == 0:
		return "it has gone over to another server, and the state does not say how far the one before was read", nil
	}
	lines, err := s.timelines(ctx, timeline)
	if err != nil {
		return "", err
	}
	at, ok := lines[before]
	read := st.Mark
	if st.Log != nil {
		read = max(read, st.Log.Position)
	}
	switch {
	case !ok:
		return fmt.Sprintf("timeline %d, which was read before, is no part of it", before), nil
	case read > at:
		return fmt.Sprintf("the server before was read up to %v of its log, and this one parted from it at %v already", read, at), nil
	}
	return "", nil
}

// parseOrigin returns the cluster and the timeline of what origin returned; ok
// is false if one of them is missing.
func parseOrigin(origin string) (system string, timeline uint32, ok bool) {
	system, hex, ok := strings.Cut(origin, "/")
	n, err := strconv.ParseUint(hex, 16, 32)
	return system, uint32(n), ok && err == nil && len(hex) == 8
}

// timelines returns where the history of a timeline parted from those before.
func (s *source) timelines(ctx context.Context, timeline uint32) (map[uint32]position, error) {
	if timeline == 1 { // which has no history
		return nil, nil
	}
	conn, err := s.connectReplication(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	results, err := conn.Exec(ctx, fmt.Sprintf("TIMELINE_HISTORY %d", timeline)).ReadAll()
	if err != nil {
		return nil, s.replicationError(ctx, err)
	}
	if len(results) != 1 || len(results[0].Rows) != 1 || len(results[0].Rows[0]) != 2 {
		return nil, errProtocol
	}
	return parseHistory(results[0].Rows[0][1])
}

// parseHistory reads a timeline history file: on each line a timeline, where it
// ended, and why (manual of version 15, chapter "Timelines").
func parseHistory(file []byte) (map[uint32]position, error) {
	lines := map[uint32]position{}
	for scan := bufio.NewScanner(bytes.NewReader(file)); scan.Scan(); {
		fields := strings.Fields(scan.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		n, err := strconv.ParseUint(fields[0], 10, 32)
		if err != nil || len(fields) < 2 {
			return nil, errProtocol
		}
		if lines[uint32(n)], err = parsePosition(fields[1]); err != nil {
			return nil, err
		}
	}
	return lines, nil
}
