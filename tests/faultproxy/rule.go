package faultproxy

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
)

// Moment is a point on a call's way from the client to the server and back.
type Moment int

const (
	// BeforeSend: the request has arrived at the proxy; the server knows nothing of it. An action that kills the client
	// here returns Lost(c), or the request goes on without its client.
	BeforeSend Moment = iota
	// Sent: the request is on its way to the server or there; the server's answer is not looked at yet.
	Sent
	// Replied: the server has answered, or the connection to it has broken; the client knows nothing of it.
	Replied
	// Answered: the answer has been handed to the client's connection.
	Answered
)

func (m Moment) String() string {
	return [...]string{"before the send", "sent and unanswered", "replied and not passed on", "answered"}[m]
}

// AnyWrite matches the methods that write rows.
const AnyWrite = "Insert|Upsert"

// Rule says which calls something happens to, when, and what.
type Rule struct {
	// Method is the method's short name, as "Insert", or several, as "Insert|Upsert". Empty matches every method.
	Method string
	// Match narrows the calls further; nil matches all. It must not call the proxy.
	Match func(*Call) bool
	// Nth picks the n-th matching call since the rule was armed, counted from 1 in the order of arrival; 0 picks all.
	Nth  int
	When Moment
	// Do runs on the call's own goroutine: the call stays where it is until Do returns; others go on meanwhile.
	// Nil lets the call go on. An error (a gRPC status, or one made by this package) is the client's answer:
	// returned BeforeSend, the server never sees the call; returned when Sent or Replied, the server's answer is lost,
	// though what was asked may have been done. When Answered it is ignored.
	//
	// A picked call goes through to the server whatever becomes of its client.
	Do func(*Call) error
}

// Hook is an armed rule.
type Hook struct {
	rule  Rule
	seen  int
	fired chan struct{}
	once  sync.Once
	proxy *Proxy
}

// On arms a rule for the calls that arrive from now on. Of several rules the first one armed acts first.
func (p *Proxy) On(r Rule) *Hook {
	if r.Do == nil {
		r.Do = func(*Call) error { return nil }
	}
	h := &Hook{rule: r, fired: make(chan struct{}), proxy: p}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hooks = append(p.hooks, h)
	return h
}

// Fired is closed when the rule's Do has returned for the first time.
func (h *Hook) Fired() <-chan struct{} { return h.fired }

// Remove disarms the rule. Calls that it has picked already keep it.
func (h *Hook) Remove() {
	h.proxy.mu.Lock()
	defer h.proxy.mu.Unlock()
	h.proxy.hooks = slices.DeleteFunc(h.proxy.hooks, func(o *Hook) bool { return o == h })
}

// matching counts the call and returns the hooks that pick it. The caller holds p.mu.
func (p *Proxy) matching(c *Call) []*Hook {
	var picked []*Hook
	for _, h := range p.hooks {
		if h.rule.Method != "" && !slices.Contains(strings.Split(h.rule.Method, "|"), c.Method) {
			continue
		}
		if h.rule.Match != nil && !h.rule.Match(c) {
			continue
		}
		h.seen++
		if h.rule.Nth == 0 || h.rule.Nth == h.seen {
			picked = append(picked, h)
		}
	}
	return picked
}

// Held is a rule that keeps one call back.
type Held struct {
	*Hook
	arrived chan struct{}
	release chan struct{}
	once    sync.Once
	call    *Call
}

// Hold arms r (for its first match, where Nth is 0) to keep the call at that moment until Release: BeforeSend for a write
// that arrives late, Replied for an answer that does. r.Do, if any, runs first; with Do: Lost the client is told at once
// that the call has failed, else it waits as long as it likes.
func (p *Proxy) Hold(r Rule) *Held {
	h := &Held{arrived: make(chan struct{}), release: make(chan struct{})}
	before := r.Do
	r.Nth = max(r.Nth, 1)
	r.Do = func(c *Call) error {
		if before != nil {
			if err := before(c); err != nil {
				c.Abandon(err)
			}
		}
		h.call = c
		close(h.arrived)
		select {
		case <-h.release:
			return nil
		case <-p.ctx.Done():
			return p.ctx.Err()
		}
	}
	h.Hook = p.On(r)
	return h
}

// Arrived is closed when the call is being held.
func (h *Held) Arrived() <-chan struct{} { return h.arrived }

// Release waits for the call to be held, lets it go, waits for the server's answer, and returns an error if the server did
// not do what the call asked. The server gives it the time that its client had left when it arrived.
func (h *Held) Release(ctx context.Context) error {
	select {
	case <-h.arrived:
	case <-ctx.Done():
		return errors.Join(errors.New("no call to release"), ctx.Err())
	}
	h.once.Do(func() { close(h.release) })
	select {
	case <-h.call.done:
		return h.call.verdict
	case <-ctx.Done():
		return errors.Join(errors.New("the released call has not ended"), ctx.Err())
	}
}

// IsCount reports whether the call is a query for count(*).
func IsCount(c *Call) bool {
	q, ok := c.Request.(*milvuspb.QueryRequest)
	return ok && slices.Equal(q.GetOutputFields(), []string{"count(*)"})
}
