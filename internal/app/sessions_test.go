package app

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/domain/people"
)

// TestTheEndOfASessionReachesEveryNode: whichever way it ends and with Redis or
// without, the session's live connections are closed and its access token is
// refused on the node that did it and on another; what is not its own goes on.
func TestTheEndOfASessionReachesEveryNode(t *testing.T) {
	for name, end := range map[string]func(n *nodes, tokens people.Tokens){
		"signing out": func(n *nodes, tokens people.Tokens) {
			n.must(n.first, http.MethodDelete, "/sessions", tokens.Access, nil)
		},
		"reuse of a refresh token": func(n *nodes, tokens people.Tokens) {
			next, _, err := n.first.People.Refresh(context.Background(), town, tokens.Refresh)
			if err != nil {
				n.t.Fatal(err)
			}
			n.must(n.first, http.MethodPost, "/sessions/refresh", "", map[string]string{"refresh_token": next.Refresh})
			status, code := n.do(n.first, http.MethodPost, "/sessions/refresh", "", map[string]string{"refresh_token": tokens.Refresh})
			if status != http.StatusUnauthorized || code != "refresh_refused" {
				n.t.Fatalf("reuse: %d %s", status, code)
			}
		},
	} {
		for _, withRedis := range []bool{true, false} {
			t.Run(name+map[bool]string{true: "", false: " without Redis"}[withRedis], func(t *testing.T) {
				n := startNodes(t)
				tokens, _ := n.enter("ann@example.org")
				laptop, _ := n.enter("ann@example.org")
				bob, _ := n.enter("bob@example.org")
				both := []*App{n.first, n.second}
				var gone, stay []*socket
				for _, a := range both {
					gone = append(gone, n.connect(a, tokens.Access))
					stay = append(stay, n.connect(a, laptop.Access), n.connect(a, bob.Access))
					n.must(a, http.MethodGet, "/me", tokens.Access, nil)
				}
				if !withRedis {
					n.redis.Close()
				}
				end(n, tokens)
				if status, code := n.do(n.first, http.MethodGet, "/me", tokens.Access, nil); status != http.StatusUnauthorized || code != "session_ended" {
					t.Errorf("on the node itself the access token gives %d %s", status, code)
				}
				n.soon("the other node refuses the access token", func() bool {
					_, code := n.do(n.second, http.MethodGet, "/me", tokens.Access, nil)
					return code == "session_ended"
				})
				gone[0].wantClosed("the connection to the node itself")
				gone[1].wantClosed("the connection to the other node")
				for _, s := range stay {
					s.ask(`{"id":2,"method":"ping","params":{}}`)
				}
				for _, a := range both {
					n.must(a, http.MethodGet, "/me", laptop.Access, nil)
					n.must(a, http.MethodGet, "/me", bob.Access, nil)
				}
			})
		}
	}
}

// TestSigningOutEverywhereClosesEverything of one person, on every node.
func TestSigningOutEverywhereClosesEverything(t *testing.T) {
	n := startNodes(t)
	phone, _ := n.enter("ann@example.org")
	laptop, _ := n.enter("ann@example.org")
	sockets := []*socket{n.connect(n.first, phone.Access), n.connect(n.second, phone.Access), n.connect(n.second, laptop.Access)}
	n.redis.Close()
	n.must(n.first, http.MethodDelete, "/sessions?everywhere=true", phone.Access, nil)
	for _, s := range sockets {
		s.wantClosed("a connection")
	}
}

// TestARoleThatGoesReachesEveryNodeWithoutRedis: the feeds that it opened are taken
// away, and the connection stays.
func TestARoleThatGoesReachesEveryNodeWithoutRedis(t *testing.T) {
	n := startNodes(t)
	ctx := context.Background()
	root := people.Identity{Campaign: town, Grants: []campaign.Grant{{Role: campaign.Admin}}}
	tokens, ann := n.enter("ann@example.org")
	if _, err := n.first.People.PutRoles(ctx, town, root, ann.ID, []campaign.Grant{{Role: campaign.Lead, Region: "it.liguria.sp"}}); err != nil {
		t.Fatal(err)
	}
	s := n.connect(n.second, tokens.Access)
	s.ask(`{"id":2,"method":"subscribe","params":{"feed":"tasks:it.liguria.sp"}}`)
	s.ask(`{"id":3,"method":"subscribe","params":{"feed":"tasks:it.liguria.ge"}}`)
	// The node has the role in mind from a call a moment ago.
	n.must(n.second, http.MethodGet, "/people?region=it.liguria.sp", tokens.Access, nil)
	n.redis.Close()
	if _, err := n.first.People.PutRoles(ctx, town, root, ann.ID, nil); err != nil {
		t.Fatal(err)
	}
	for {
		f := s.next()
		if f.Type == "unsubscribed" {
			if f.Feed != "tasks:it.liguria.sp" {
				t.Fatalf("%s was taken away", f.Feed)
			}
			break
		}
	}
	s.ask(`{"id":4,"method":"ping","params":{}}`)
	s.ask(`{"id":5,"method":"unsubscribe","params":{"feed":"tasks:it.liguria.ge"}}`)
}

// TestARetiredKeyEndsWhatCameInByIt: on every node its tokens are refused and its
// live connections closed; the other key's go on.
func TestARetiredKeyEndsWhatCameInByIt(t *testing.T) {
	n := startNodes(t)
	before, err := loadKeys(n.data)
	if err != nil {
		t.Fatal(err)
	}
	// Rotated an hour ago, so that the new key signs by now.
	after, err := before.Rotate(time.Now().Add(-time.Hour), people.MinKeyDelay)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(keys people.Keys) string {
		t.Helper()
		signer := people.New(nil, people.Options{Keys: keys, Clock: n.first.clock})
		token, err := signer.ServiceToken(town, campaign.Display, "", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	old, fresh := sign(before), sign(after)
	if err := writeKeys(n.data, after); err != nil {
		t.Fatal(err)
	}
	both := []*App{n.first, n.second}
	var gone, stay []*socket
	for _, a := range both {
		n.soon("the node takes the new key up", func() bool {
			status, _ := n.do(a, http.MethodGet, "/seasons", fresh, nil)
			return status == http.StatusOK
		})
		n.must(a, http.MethodGet, "/seasons", old, nil)
		gone, stay = append(gone, n.connect(a, old)), append(stay, n.connect(a, fresh))
	}
	if _, err := RetireKey(n.data, before.List(time.Now())[0].ID); err != nil {
		t.Fatal(err)
	}
	for i, a := range both {
		gone[i].wantClosed("a connection of the retired key")
		if status, code := n.do(a, http.MethodGet, "/seasons", old, nil); code != "token_invalid" {
			t.Errorf("a token of the retired key: %d %s", status, code)
		}
		stay[i].ask(`{"id":2,"method":"ping","params":{}}`)
		n.must(a, http.MethodGet, "/seasons", fresh, nil)
	}
}
