package people

import (
	"context"
	"encoding/hex"
	"net/netip"
	"time"

	"github.com/musterhq/muster/internal/errs"
)

// Limiter counts how often something is done. It is shared by all nodes.
type Limiter interface {
	// Allow takes one of the times that key may do something within per. Where
	// none is left it takes nothing, answers false, and says when the next one
	// is there.
	Allow(ctx context.Context, campaign, key string, times int, per time.Duration) (ok bool, retryAfter time.Duration, err error)
	// Left answers as Allow would, and takes nothing.
	Left(ctx context.Context, campaign, key string, times int, per time.Duration) (ok bool, retryAfter time.Duration, err error)
}

// rate is so many times within so long.
type rate struct {
	what  string
	times int
	per   time.Duration
}

// The limits. An address (a school, a hall, a mobile carrier) stands for many
// people, so it is counted by failures only, and so that one in three of 300
// phones behind it may mistype once within a quarter of an hour. With codes of
// 40 bits that gives a guesser nothing.
func perEmail() rate   { return rate{what: "codes/email", times: 5, per: time.Hour} }
func perDevice() rate  { return rate{what: "codes/device", times: 10, per: time.Hour} }
func perAddress() rate { return rate{what: "wrong/address", times: 100, per: 15 * time.Minute} }

// limitKey names what is counted, and for whom only to who holds the server's
// key: an e-mail or an address never leaves this process through a limit.
func (s *Service) limitKey(r rate, campaign, who string) string {
	return r.what + "/" + hex.EncodeToString(s.keys.Load().derive("limit", campaign, r.what, who)[:16])
}

// allowCode takes a code from the device's allowance and from the e-mail's. The
// device comes first: one that asks too often uses up nobody else's codes.
func (s *Service) allowCode(ctx context.Context, campaign, email, device string) error {
	if device != "" {
		if err := s.take(ctx, campaign, perDevice(), device); err != nil {
			return err
		}
	}
	return s.take(ctx, campaign, perEmail(), email)
}

func (s *Service) take(ctx context.Context, campaign string, r rate, who string) error {
	ok, wait, err := s.limiter.Allow(ctx, campaign, s.limitKey(r, campaign, who), r.times, r.per)
	return limited(ok, wait, err, "codes_limited", "Too many codes were asked for. Use the last one, or wait before you ask again.")
}

// mayGuess refuses an address that sent too many wrong codes. Guesses in flight
// at the same moment may exceed the limit by their number; the tries of each
// request are counted exactly.
func (s *Service) mayGuess(ctx context.Context, campaign, address string) error {
	r := perAddress()
	ok, wait, err := s.limiter.Left(ctx, campaign, s.limitKey(r, campaign, network(address)), r.times, r.per)
	return limited(ok, wait, err, "guesses_limited", "Too many wrong codes came from your network. Wait before you try again.")
}

// countWrong counts a wrong code against the address.
func (s *Service) countWrong(ctx context.Context, campaign, address string) error {
	r := perAddress()
	_, _, err := s.limiter.Allow(ctx, campaign, s.limitKey(r, campaign, network(address)), r.times, r.per)
	return limited(true, 0, err, "", "")
}

func limited(ok bool, wait time.Duration, err error, code, message string) error {
	switch {
	case err != nil:
		// Without the count anybody could guess for ever: fail closed.
		return errs.Wrap(err, errs.Unavailable, "limits_unavailable", "Codes cannot be checked at the moment. Try again in a minute.").
			WithRetryAfter(30 * time.Second)
	case !ok:
		return errs.New(errs.Limited, code, "%s", message).WithRetryAfter(wait)
	}
	return nil
}

// network is what an address is counted under: itself, or the /64 that one
// subscriber has in IPv6. What is no address is counted together.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return ""
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	prefix, err := ip.Prefix(64)
	if err != nil {
		return ""
	}
	return prefix.String()
}
