package realtime

import (
	"context"
	"errors"

	"github.com/musterhq/muster/internal/errs"
)

var (
	errUnknownMethod = errs.New(errs.Invalid, "unknown_method", "There is no such method. See docs/realtime.md.")
	errVersion       = errs.New(errs.Invalid, "version_unsupported", "This server speaks version 1. Update the app.")
	errTwice         = errs.New(errs.Conflict, "already_subscribed", "This connection has the feed already.")
	errNotHeld       = errs.New(errs.Conflict, "not_subscribed", "This connection does not have the feed.")
	errTooMany       = errs.New(errs.Conflict, "too_many_subscriptions", "A connection holds at most 64 feeds. Unsubscribe one first.")
	errNotServed     = errs.New(errs.NotFound, "unknown_feed", "This server has no such feed.")
)

// handle answers one request.
func (c *conn) handle(frame []byte) {
	r, err := parseRequest(frame)
	if err != nil {
		c.close(CloseProtocol, -1)
		return
	}
	session := c.who()
	switch {
	case session == nil && r.Method == methodConnect:
		c.connect(r)
		return
	case session == nil, r.Method == methodConnect:
		c.close(CloseProtocol, -1)
		return
	}
	switch r.Method {
	case methodSubscribe:
		err = c.subscribe(r)
	case methodUnsubscribe:
		err = c.unsubscribe(r)
	case methodPing:
		c.send(textFrame(encodeResult(r.ID, struct{}{})))
	default:
		err = errUnknownMethod
	}
	if err != nil {
		c.send(textFrame(encodeError(r.ID, err)))
	}
}

func (c *conn) who() *Session {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.session
}

// connect asks who this is; a failure ends the connection.
func (c *conn) connect(r request) {
	var p connectParams
	refuse := func(err error, code CloseCode) {
		c.send(textFrame(encodeError(r.ID, err)))
		c.close(code, -1)
	}
	if err := parseParams(r.Params, &p); err != nil {
		refuse(err, CloseProtocol)
		return
	}
	if p.Version != ProtocolVersion {
		refuse(errVersion, CloseVersion)
		return
	}
	rechecks := c.hub.rechecks.count()
	session, err := c.authenticate(p.Token)
	if err != nil {
		refuse(err, closeCodeOf(err))
		return
	}
	c.connected(session, p.Token, rechecks)
	l := &c.hub.limits
	c.send(textFrame(encodeResult(r.ID, connectResult{
		Version: ProtocolVersion, PingMS: l.ping.Milliseconds(), IdleMS: l.idle.Milliseconds(), ExpiresAt: Instant{session.Expires},
	})))
}

// authenticate asks the Authenticator; its answer is what a client may see.
func (c *conn) authenticate(token string) (Session, error) {
	ctx, cancel := context.WithTimeout(c.ctx, c.hub.limits.ask)
	defer cancel()
	session, err := c.hub.opts.Authenticator.Authenticate(ctx, c.campaign, token)
	switch {
	case err == nil && !c.hub.opts.Clock.Now().Before(session.Expires):
		return Session{}, errs.New(errs.Unauthentic, "token_expired", "The token's time is over. Get a fresh one.")
	case err == nil:
		return session, nil
	case errs.CodeOf(err) == "token_expired":
		return Session{}, err
	}
	switch errs.KindOf(err) {
	case errs.Unauthentic, errs.Forbidden, errs.NotFound, errs.Gone:
		return Session{}, errs.Wrap(err, errs.Unauthentic, "bad_token", "The token is not good in this campaign. Sign in again.")
	}
	c.hub.complain("a token could not be checked", err)
	return Session{}, errs.Wrap(err, errs.Unavailable, "unavailable", "The token cannot be checked just now. Try again in some seconds.")
}

func closeCodeOf(err error) CloseCode {
	switch errs.CodeOf(err) {
	case "token_expired":
		return CloseExpired
	case "bad_token":
		return CloseBadToken
	}
	return CloseUnavailable
}

func (c *conn) subscribe(r request) error {
	p, feed, err := parseSubscribe(r.Params)
	if err != nil {
		return err
	}
	for {
		again, err := c.subscribeAs(c.who(), r.ID, feed, p)
		if !again {
			return err
		}
	}
}

// subscribeAs subscribes for a session; again says that it was another's by the
// time it was done.
func (c *conn) subscribeAs(session *Session, id int64, feed Feed, p subscribeParams) (again bool, err error) {
	key, err := c.hub.keyOf(c.campaign, feed, p.Window, *session)
	if err != nil {
		return false, err
	}
	if err := c.hasRoom(key); err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(c.ctx, c.hub.limits.ask)
	defer cancel()
	if err := c.hub.opts.Authorizer.May(ctx, c.campaign, *session, feed); err != nil {
		return false, err
	}
	f := c.hub.streams.acquire(key, feed, p.Window, session.Account)
	if err := c.hub.prepare(ctx, f, p); err != nil {
		c.hub.streams.release(f)
		c.hub.complain("a feed could not be opened", err)
		return false, err
	}
	switch c.attach(session, id, f, p) {
	case attached:
		return false, nil
	case changedRoles:
		again = true
	}
	c.hub.streams.release(f)
	return again, nil
}

// keyOf is the key of a feed for a session, if it is served here at all.
func (h *Hub) keyOf(campaign string, feed Feed, window string, session Session) (feedKey, error) {
	switch {
	case feed.Kind == Boards && h.opts.Boards != nil:
		return boardKey(campaign, feed, window), nil
	case feed.Kind == Me && h.opts.Me != nil && session.Account != "":
		return meKey(campaign, session.Account), nil
	case feed.IsLog():
		return logKey(campaign, feed), nil
	}
	return feedKey{}, errNotServed
}

func (c *conn) hasRoom(key feedKey) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, held := c.subs[key]; held {
		return errTwice
	}
	if len(c.subs) >= c.hub.limits.subscriptions {
		return errTooMany
	}
	return nil
}

// prepare reads a stream that was not read yet, or that another node is ahead
// of. A state feed that has no state yet is fine: it will come.
func (h *Hub) prepare(ctx context.Context, f *stream, p subscribeParams) error {
	at, _, loaded := f.position()
	ahead := loaded && p.Offset != nil && (p.Epoch != at.Epoch || *p.Offset > at.Offset)
	if loaded && !ahead {
		return nil
	}
	err := h.refresh(ctx, f)
	_, _, loaded = f.position()
	switch {
	case loaded, f.feed.Kind == Boards:
		return nil // what went wrong is tried again
	case f.feed.Kind == Me && err == nil:
		return errNotServed
	}
	return errors.Join(errors.New("realtime: the feed was not read"), err)
}

// What attach found.
type attachment uint8

const (
	attached attachment = iota
	isClosing
	changedRoles // since the Authorizer was asked
)

// attach subscribes and queues the reply, in one step: no push comes before it.
func (c *conn) attach(session *Session, id int64, f *stream, p subscribeParams) attachment {
	f.mu.Lock()
	defer f.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closing != nil:
		return isClosing
	case c.session != session:
		return changedRoles
	}
	s := &sub{conn: c, stream: f, index: len(f.subs)}
	result := subscribeResult{Feed: f.name, Window: f.window}
	result.Resumed = s.begin(p)
	if f.feed.IsLog() {
		result.Epoch, result.Offset = f.tail.epoch, &f.tail.offset
		if result.Resumed {
			result.Offset = p.Offset
		}
	}
	c.sendLocked(textFrame(encodeResult(id, result)))
	if c.closing != nil {
		return isClosing
	}
	f.subs = append(f.subs, s)
	c.subs[f.key] = s
	c.hub.counters.subscriptions.Add(1)
	c.readyLocked(s)
	return attached
}

// begin finds where a subscription starts and says whether it goes on from the
// client's position. Both mu must be held.
func (s *sub) begin(p subscribeParams) (resumed bool) {
	f := s.stream
	var at Position
	if p.Offset != nil {
		at = Position{p.Epoch, *p.Offset}
		if n := f.find(at); n != nil {
			s.cursor = n
			return true
		}
	}
	switch {
	case !f.feed.IsLog():
		s.missed = p.Offset != nil
		return false
	case p.Offset == nil:
		s.cursor = f.tail
		return false
	case at.Epoch == f.tail.epoch && at.Offset <= f.tail.offset && at.Offset+1 >= f.oldest:
		s.at = at // the writer reads history
		return true
	}
	reason := tooOld
	if at.Epoch != f.tail.epoch {
		reason = epochIsNew
	}
	push := reloadPush(reason)
	push.feed, push.epoch, push.offset = f.name, f.tail.epoch, f.tail.offset
	s.cursor, s.pending = f.tail, [][]byte{textFrame(push.encode())}
	return false
}

func (c *conn) unsubscribe(r request) error {
	var p unsubscribeParams
	if err := parseParams(r.Params, &p); err != nil {
		return err
	}
	feed, err := ParseFeed(p.Feed)
	if err != nil {
		return err
	}
	window, err := windowOf(feed, p.Window)
	if err != nil {
		return err
	}
	s := c.held(feed, window)
	if s == nil || !c.remove(s, textFrame(encodeResult(r.ID, struct{}{}))) {
		return errNotHeld
	}
	c.hub.detach(s)
	return nil
}

func (c *conn) held(feed Feed, window string) *sub {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session == nil {
		return nil
	}
	key, err := c.hub.keyOf(c.campaign, feed, window, *c.session)
	if err != nil {
		return nil
	}
	return c.subs[key]
}
