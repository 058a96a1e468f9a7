package runner

import (
	"context"
	"log/slog"
	"time"
)

// patience is how long services may take to notice that their time is up.
const patience = 5 * time.Second

// timed runs what somebody waits for and returns in time, with the error of
// ctx, even if it does not. A panic is a faultError.
func timed[T any](ctx context.Context, run func(context.Context) (T, error), log *slog.Logger) (T, error) {
	type answer struct {
		value T
		err   error
	}
	done := make(chan answer, 1)
	go func() {
		var a answer
		defer func() { done <- a }()
		defer caught(log, &a.err)
		a.value, a.err = run(ctx)
	}()
	late := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		time.AfterFunc(patience, func() { close(late) })
	})
	defer stop()
	select {
	case a := <-done:
		return a.value, a.err
	case <-late:
		var none T
		return none, ctx.Err()
	}
}
