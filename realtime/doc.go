// Package realtime is the live side: one WebSocket an app, feeds by name, and
// positions that survive a reconnect. docs/realtime.md is the protocol; this
// package keeps it.
//
// # Parts
//
// [Feeds] writes: events into log feeds, and hints that a person's own state or
// roles changed. Any node may use it; it needs no hub.
//
// [Hub] serves: connections, subscriptions, delivery. [Handler] lets them in
// through a Fiber route. [Hub.Run] is its loops; [New] starts nothing.
//
// A hub asks the rest of the house through four small interfaces: who is this
// ([Authenticator]), may they ([Authorizer]), what does a board show
// ([BoardSource]), where does a person stand ([MeSource]).
//
// # Locks
//
// A stream's io, then its mu, then a connection's mu; shards and queues are
// leaves. Nothing is sent, and Redis is not asked, while a mu is held.
package realtime
