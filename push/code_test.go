package push_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/push"
	"github.com/musterhq/muster/store"
)

// signUp asks for a code and gives the request and its effect.
func (h *house) signUp(email string) (string, store.Effect) {
	h.t.Helper()
	request, err := h.people.SignUp(h.t.Context(), camp, people.SignUpRequest{Email: email, Region: "it.liguria.ge.genova", Team: "team-1"})
	if err != nil {
		h.t.Fatal(err)
	}
	return request, store.Effect{ID: "code_mail/" + request + "/1", Kind: people.EffectCodeMail, Data: map[string]string{"request": request, "attempt": "1"}}
}

// The inbox holds neither the code nor anything made from it, and a repeated
// effect writes once.
func TestCodeInTheInbox(t *testing.T) {
	h := open(t)
	request, effect := h.signUp("anna@example.org")
	inbox := push.NewInbox(h.db, h.clock)
	mails := push.NewCodeMails(h.people.Gate(), inbox)
	for range 3 {
		if err := mails.CarryOut(t.Context(), camp, effect); err != nil {
			t.Fatal(err)
		}
	}
	found, err := inbox.Latest(t.Context(), "anna@example.org", 10)
	if err != nil || len(found) != 1 {
		t.Fatalf("%v, %v", found, err)
	}
	m := found[0]
	if m.Request != request || m.Attempt != 1 || m.Kind != push.KindCode || m.Campaign != camp || !m.SentAt.Equal(start) || !m.ExpiresAt.Equal(start.Add(7*24*time.Hour)) {
		t.Fatalf("%+v", m)
	}
	mail, send, err := h.people.Gate().Code(t.Context(), camp, request)
	if err != nil || !send {
		t.Fatal(send, err)
	}
	stored, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if code := strings.ReplaceAll(mail.Code, "-", ""); strings.Contains(strings.ReplaceAll(string(stored), "-", ""), code) {
		t.Fatalf("the code is stored: %s", stored)
	}
}

func TestCodeThatNoLongerHelpsIsNotSent(t *testing.T) {
	h := open(t)
	_, old := h.signUp("anna@example.org")
	old.Data["attempt"] = "0"
	_, unknown := h.signUp("bea@example.org")
	unknown.Data["request"] = "none"
	_, late := h.signUp("carla@example.org")
	h.clock.Advance(people.CodeLife)
	inbox := push.NewInbox(h.db, h.clock)
	mails := push.NewCodeMails(h.people.Gate(), inbox)
	for _, effect := range []store.Effect{old, unknown, late} {
		if err := mails.CarryOut(t.Context(), camp, effect); err != nil {
			t.Fatal(err)
		}
	}
	if found, err := inbox.Latest(t.Context(), "", 10); err != nil || len(found) != 0 {
		t.Fatalf("%v, %v", found, err)
	}
}

// mailServer speaks enough SMTP for one mail after another and gives each
// mail's recipient and text. It answers RCPT with refusal when that is set.
func mailServer(t *testing.T, refusal string) (port int, mails <-chan string) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	out := make(chan string, 10)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			speak(conn, refusal, out)
		}
	}()
	return listener.Addr().(*net.TCPAddr).Port, out
}

func speak(conn net.Conn, refusal string, out chan<- string) {
	defer conn.Close()
	lines := bufio.NewScanner(conn)
	say := func(s string) { fmt.Fprintf(conn, "%s\r\n", s) }
	say("220 test")
	var mail strings.Builder
	for lines.Scan() {
		switch line := lines.Text(); {
		case strings.HasPrefix(line, "EHLO"):
			say("250 test")
		case strings.HasPrefix(line, "RCPT"):
			mail.WriteString(line + "\n")
			if refusal != "" {
				say(refusal)
			} else {
				say("250 ok")
			}
		case line == "DATA":
			say("354 go on")
			for lines.Scan() && lines.Text() != "." {
				mail.WriteString(lines.Text() + "\n")
			}
			out <- mail.String()
			say("250 taken")
		case line == "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func smtp(t *testing.T, port int) *push.SMTP {
	t.Helper()
	s, err := push.NewSMTP(push.SMTPOptions{Host: "127.0.0.1", Port: port, From: "muster@example.org", Plain: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCodeBySMTP(t *testing.T) {
	h := open(t)
	port, sent := mailServer(t, "")
	request, effect := h.signUp("anna@example.org")
	mails := push.NewCodeMails(h.people.Gate(), smtp(t, port))
	for range 2 {
		if err := mails.CarryOut(t.Context(), camp, effect); err != nil {
			t.Fatal(err)
		}
	}
	mail, _, err := h.people.Gate().Code(t.Context(), camp, request)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for range 2 {
		got := <-sent
		for _, want := range []string{"<anna@example.org>", mail.Code, "Subject: Your code", "15 minutes"} {
			if !strings.Contains(got, want) {
				t.Errorf("no %q in\n%s", want, got)
			}
		}
		for line := range strings.Lines(got) {
			if strings.HasPrefix(line, "Message-ID:") {
				ids = append(ids, line)
			}
		}
	}
	if len(ids) != 2 || ids[0] != ids[1] {
		t.Errorf("a repeat is another mail: %v", ids)
	}
}

// nobody is a port on which nothing listens.
func nobody(t *testing.T) int {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// What goes wrong names neither address nor code.
func TestSMTPErrorsAreDiscreet(t *testing.T) {
	h := open(t)
	refused, _ := mailServer(t, "550 <anna@example.org> is unknown here")
	for name, port := range map[string]int{"refused": refused, "not there": nobody(t)} {
		_, effect := h.signUp("anna@example.org")
		err := push.NewCodeMails(h.people.Gate(), smtp(t, port)).CarryOut(t.Context(), camp, effect)
		if err == nil || strings.Contains(err.Error(), "anna") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := push.NewSMTP(push.SMTPOptions{Host: "localhost", From: "nobody"}); err == nil {
		t.Error("a sender without an address")
	}
}

// Without TLS the default sends nothing.
func TestSMTPNeedsTLS(t *testing.T) {
	h := open(t)
	port, sent := mailServer(t, "")
	s, err := push.NewSMTP(push.SMTPOptions{Host: "127.0.0.1", Port: port, From: "muster@example.org"})
	if err != nil {
		t.Fatal(err)
	}
	_, effect := h.signUp("anna@example.org")
	if err := push.NewCodeMails(h.people.Gate(), s).CarryOut(t.Context(), camp, effect); err == nil {
		t.Fatal("a code went over the wire in the clear")
	}
	select {
	case m := <-sent:
		t.Fatal(m)
	default:
	}
}

// Nobody but the gate makes a recipient.
func TestOnlyTheGateMakesRecipients(t *testing.T) {
	h := open(t)
	inbox := push.NewInbox(h.db, h.clock)
	if err := inbox.MailCode(t.Context(), "id", people.CodeMail{Request: "r", Code: "c"}); err == nil {
		t.Error("the inbox took a mail that was not cleared")
	}
	batch, err := push.NewInboxSender(inbox).Prepare(context.Background(), camp, nil)
	if err != nil {
		t.Fatal(err)
	}
	if a := batch.Send(t.Context(), push.Notice{Briefing: "b"}); a.Outcome == "accepted" || a.Err == nil {
		t.Errorf("%+v", a)
	}
}
