package app

import (
	"errors"
	"log/slog"
	"net"
	"os"
	"syscall"
	"testing"
)

// scarce is a listener that has no descriptors for a while.
type scarce struct {
	net.Listener
	errs []error
}

func (s *scarce) Accept() (net.Conn, error) {
	if len(s.errs) == 0 {
		return nil, net.ErrClosed
	}
	err := s.errs[0]
	s.errs = s.errs[1:]
	if err == nil {
		conn, _ := net.Pipe()
		return conn, nil
	}
	return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", err)}
}

func (s *scarce) Close() error { return nil }

func TestListenerOutlivesAShortage(t *testing.T) {
	l := newPatient(&scarce{errs: []error{syscall.EMFILE, syscall.ENFILE, syscall.ECONNABORTED, nil}}, slog.New(slog.DiscardHandler))
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a listener that is closed answers %v", err)
	}
}

func TestListenerEndsInAShortage(t *testing.T) {
	errs := make([]error, 1000)
	for i := range errs {
		errs[i] = syscall.EMFILE
	}
	l := newPatient(&scarce{errs: errs}, slog.New(slog.DiscardHandler))
	accepted := make(chan error)
	go func() {
		_, err := l.Accept()
		accepted <- err
	}()
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Fatal(err)
	}
	if err := <-accepted; !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v", err)
	}
}
