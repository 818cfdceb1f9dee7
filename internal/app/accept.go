package app

import (
	"errors"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"
)

// acceptPause is how long the listener waits for descriptors to come free.
const acceptPause = 100 * time.Millisecond

// patient is a listener that outlives a shortage: where no connection can be
// accepted because the process or the machine has no descriptor or memory left,
// or because the peer has gone already, it tries again. Fiber's server would end
// instead, and every connection with it. Those who wait stand in the kernel's
// line, and are served once somebody leaves.
type patient struct {
	net.Listener
	log  *slog.Logger
	once sync.Once
	gone chan struct{} // closed by Close
}

func newPatient(l net.Listener, log *slog.Logger) *patient {
	return &patient{Listener: l, log: log, gone: make(chan struct{})}
}

// Accept implements net.Listener.
func (p *patient) Accept() (net.Conn, error) {
	short := false
	for {
		conn, err := p.Listener.Accept()
		switch {
		case err == nil:
			if short {
				p.log.Info("connections are accepted again")
			}
			return conn, nil
		case !passing(err):
			return nil, err
		case !short:
			p.log.Warn("no connection can be accepted for now", "error", err)
			short = true
		}
		select {
		case <-p.gone:
			return nil, net.ErrClosed
		case <-time.After(acceptPause):
		}
	}
}

// Close implements net.Listener.
func (p *patient) Close() error {
	p.once.Do(func() { close(p.gone) })
	return p.Listener.Close()
}

// passing says whether an error of accept says nothing against the listener.
func passing(err error) bool {
	for _, reason := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.EINTR} {
		if errors.Is(err, reason) {
			return true
		}
	}
	return false
}
