// Package limit bounds what is asked of servers at once.
package limit

import (
	"context"
	"sync"
)

// Together returns a context under which all that is read counts as one, to a source that bounds how much is read of its server
// at once: readers that are read in turns must not wait for each other's end.
func Together(ctx context.Context) context.Context {
	return context.WithValue(ctx, togetherKey{}, &together{places: map[any]*place{}})
}

type togetherKey struct{}

// together is what was entered under one context.
type together struct {
	mu     sync.Mutex
	places map[any]*place
}

type place struct {
	mu    sync.Mutex
	users int
	leave func()
}

// Enter calls enter, whose answer is to be called at the end. Under a context of Together it does so for the first of several
// that enter the same place, and has the last of them leave it.
func Enter(ctx context.Context, at any, enter func() (leave func(), err error)) (leave func(), err error) {
	all, ok := ctx.Value(togetherKey{}).(*together)
	if !ok {
		return enter()
	}
	all.mu.Lock()
	p := all.places[at]
	if p == nil {
		p = &place{}
		all.places[at] = p
	}
	all.mu.Unlock()
	p.mu.Lock() // until the first has entered
	defer p.mu.Unlock()
	if p.users == 0 {
		if p.leave, err = enter(); err != nil {
			return nil, err
		}
	}
	p.users++
	return sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.users--; p.users == 0 {
			p.leave()
		}
	}), nil
}
