package people_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/musterhq/muster/domain/people"
	"github.com/musterhq/muster/store"
)

// One volunteer enters: sign-up, the code as the mail worker gets it, sign-in.
func BenchmarkEnter(b *testing.B) {
	h := newHouse(b)
	ctx := context.Background()
	var n atomic.Int64
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := n.Add(1)
			in := signUp(fmt.Sprintf("a%d@example.org", i))
			in.Device = fmt.Sprint("device-", i)
			request, err := h.SignUp(ctx, liguria, in)
			if err != nil {
				b.Error(err)
				return
			}
			mail, _, err := h.Gate().Code(ctx, liguria, request)
			if err != nil {
				b.Error(err)
				return
			}
			if _, _, err := h.SignIn(ctx, liguria, people.SignInRequest{Request: request, Code: mail.Code, Address: "192.0.2.1"}); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "people/s")
}

func BenchmarkAuthenticate(b *testing.B) {
	for _, c := range []struct {
		name string
		step time.Duration
	}{{"cached", 0}, {"read", time.Second}} {
		b.Run(c.name, func(b *testing.B) {
			h := newHouse(b)
			tokens, _ := h.enter(signUp("anna@example.org"))
			start := h.clock.Now()
			b.ResetTimer()
			for b.Loop() {
				if h.clock.Now().Sub(start) > 10*time.Minute {
					h.clock.Advance(-10 * time.Minute)
				}
				h.clock.Advance(c.step)
				if _, err := h.Authenticate(context.Background(), tokens.Access); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A page of a hundred rows that nobody asked for in the last second.
func BenchmarkNames(b *testing.B) {
	h := newHouse(b)
	accounts := make([]string, 100)
	for i := range accounts {
		accounts[i] = h.person(fmt.Sprintf("a%d@example.org", i)).Account
	}
	b.ResetTimer()
	for b.Loop() {
		h.clock.Advance(time.Second)
		if _, err := h.Names(context.Background(), liguria, accounts); err != nil {
			b.Fatal(err)
		}
	}
}

// The worker's part: the effects of people who entered.
func BenchmarkCarryOut(b *testing.B) {
	h := newHouse(b)
	ctx := context.Background()
	for i := range b.N {
		if _, err := h.SignUp(ctx, liguria, signUp(fmt.Sprintf("a%d@example.org", i))); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	for done := 0; done < b.N; {
		n, err := h.CarryOut(ctx, h.clock.Now(), func(context.Context, string, store.Effect) error { return nil })
		if err != nil || n == 0 {
			b.Fatal(n, err)
		}
		done += n
	}
}
