package leaderboard

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"slices"

	"github.com/redis/go-redis/v9"
)

// errFault is what a command meets that a fault has hit.
var errFault = errors.New("fault")

// fault is what happens to a process or to Redis at a command.
type fault int

const (
	none      fault = iota
	dropped         // the command is lost, and every later one: the process has ended
	unheard         // the command is carried out, then the process ends
	delayed         // the command is lost now and arrives some time later
	lostReply       // the command is carried out and answers an error
	doubled         // the command is carried out twice
	failover        // Redis goes back to an older state, then carries it out
	wiped           // Redis forgets everything, then carries it out
	overtaken       // a delayed command arrives first
)

// faults stands between a client and Redis, and makes faults happen on demand.
type faults struct {
	h     *history
	quiet bool // commands of the test itself pass
	armed fault
	after int // commands to let pass first
	// writes lets every command pass but those that run apply.lua.
	writes bool
	ended  bool
	// split carries out an order that has both lines and moves as two: the
	// joint write taken away.
	split bool
}

// arm makes a fault happen after some commands, or some that run apply.lua.
func (f *faults) arm(kind fault, after int, writes bool) {
	f.armed, f.after, f.writes, f.ended = kind, after, writes, false
}

// calm ends what was armed; commands pass again.
func (f *faults) calm() { f.arm(none, 0, false) }

func (f *faults) applies(cmd redis.Cmder) bool {
	return cmd.Name() == "evalsha" && cmd.Args()[1] == f.h.applyHash
}

// silently runs what belongs to the test and not to the processes under test.
func (f *faults) silently(do func()) {
	was := f.quiet
	f.quiet = true
	defer func() { f.quiet = was }()
	do()
}

// meet says whether a command is carried out, and what it answers if not.
func (f *faults) meet(cmd redis.Cmder, carryOut func() error) error {
	if f.quiet {
		return carryOut()
	}
	if f.ended {
		return errFault
	}
	if f.armed == none || (f.writes && !f.applies(cmd)) {
		return carryOut()
	}
	if f.after > 0 {
		f.after--
		return carryOut()
	}
	kind := f.armed
	f.armed = none
	switch kind {
	case dropped:
		f.ended = true
		return errFault
	case unheard:
		f.ended = true
		_ = carryOut()
		return errFault
	case delayed:
		f.h.late = append(f.h.late, slices.Clone(cmd.Args()))
		return errFault
	case lostReply:
		_ = carryOut()
		return errFault
	case doubled:
		f.silently(func() { f.h.redis.Do(context.Background(), cmd.Args()...) })
	case failover:
		f.h.failover()
	case wiped:
		f.h.wipe()
	case overtaken:
		f.h.arrive()
	}
	return carryOut()
}

func (f *faults) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (f *faults) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		carryOut := func() error { return next(ctx, cmd) }
		if first, second, ok := f.halves(cmd); ok {
			carryOut = func() error {
				if err := f.carryOutHalf(ctx, cmd, first); err != nil {
					return err
				}
				if f.h.rng.IntN(6) == 0 {
					f.h.failover()
				}
				return f.carryOutHalf(ctx, cmd, second)
			}
		}
		err := f.meet(cmd, carryOut)
		if err != nil {
			cmd.SetErr(err)
		}
		return err
	}
}

func (f *faults) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := f.meet(cmds[0], func() error { return next(ctx, cmds) })
		if errors.Is(err, errFault) {
			for _, cmd := range cmds {
				cmd.SetErr(err)
			}
		}
		return err
	}
}

// halves takes an order apart: its lines, then its moves.
func (f *faults) halves(cmd redis.Cmder) (first, second []any, ok bool) {
	args := cmd.Args()
	if !f.split || f.quiet || !f.applies(cmd) {
		return nil, nil, false
	}
	var p payload
	last := len(args) - 1
	if err := json.Unmarshal([]byte(args[last].(string)), &p); err != nil || len(p.Moves) == 0 || len(p.Windows) == 0 {
		return nil, nil, false
	}
	lines, moves := p, p
	lines.Moves = [][3]string{}
	moves.Places, moves.Windows = []place{}, []windowLines{}
	encode := func(p payload) string { text, _ := json.Marshal(p); return string(text) }
	first = append(slices.Clone(args[:last]), encode(lines))
	// The second half has no block of keys.
	second = []any{args[0], args[1], 2, args[3], args[4], encode(moves)}
	return first, second, true
}

// carryOutHalf runs one half and leaves its answer in cmd.
func (f *faults) carryOutHalf(ctx context.Context, cmd redis.Cmder, args []any) error {
	var reply any
	var err error
	f.silently(func() { reply, err = f.h.redis.Do(ctx, args...).Result() })
	cmd.(*redis.Cmd).SetVal(reply)
	return err
}
