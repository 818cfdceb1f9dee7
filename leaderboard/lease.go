package leaderboard

import (
	"context"
	"errors"
)

// errLease: another process has the campaign.
var errLease = errors.New("leaderboard: the lease is somebody else's")

// lease is one process's claim to sweep a campaign. It keeps two from doing the
// same work; that doing it twice does no harm is the script's business.
type lease struct {
	b        *Boards
	campaign string
	token    string
}

// hold takes the lease or prolongs it; errLease when it is not to be had.
//
// Script lease.lua: KEYS[1] the lease; ARGV[1] token, ARGV[2] milliseconds. It
// returns 1 when held.
func (l lease) hold(ctx context.Context) error {
	held, err := l.b.lease.Run(ctx, l.b.redis, []string{leaseKey(l.campaign)}, l.token, leaseLife.Milliseconds()).Int()
	if err != nil {
		return unavailable(err)
	}
	if held == 0 {
		return errLease
	}
	return nil
}

// release gives the lease back. It is a courtesy: the lease ends by itself.
func (l lease) release(ctx context.Context) {
	l.b.lease.Run(ctx, l.b.redis, []string{leaseKey(l.campaign)}, l.token, 0)
}
