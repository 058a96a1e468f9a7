package store

import "context"

type actorKey struct{}

// As returns a context in which what is done is somebody's: the events that it
// leads to name them, by the id of a user or of a system key.
func As(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, actorKey{}, id)
}

// actor returns who does what is done in a context; "": nobody, it is done by
// itself.
func actor(ctx context.Context) string {
	id, _ := ctx.Value(actorKey{}).(string)
	return id
}
