package people_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/musterhq/muster/domain/people"
)

func phone(id, value string) people.Device {
	return people.Device{ID: id, Kind: "token", Value: value, Platform: "android", Categories: []string{"tasks"}}
}

func (h *house) values(people ...string) map[string][]string {
	h.t.Helper()
	devices, err := h.Devices(context.Background(), liguria, people)
	if err != nil {
		h.t.Fatal(err)
	}
	values := map[string][]string{}
	for person, list := range devices {
		for _, d := range list {
			values[person] = append(values[person], d.Value)
		}
	}
	return values
}

func TestDevices(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	anna, berta := h.person("anna@example.org").Person, h.person("berta@example.org").Person
	put := func(person string, d people.Device) {
		t.Helper()
		if err := h.PutDevice(ctx, liguria, person, d); err != nil {
			t.Fatal(err)
		}
	}
	want := func(annas, bertas []string) {
		t.Helper()
		all := map[string][]string{}
		if annas != nil {
			all[anna] = annas
		}
		if bertas != nil {
			all[berta] = bertas
		}
		if diff := cmp.Diff(all, h.values(anna, berta, "nobody")); diff != "" {
			t.Fatalf("devices (-want +got):\n%s", diff)
		}
	}
	want(nil, nil)
	put(anna, phone("phone", "t1"))
	put(anna, phone("tablet", "t2"))
	put(anna, phone("phone", "t1"))
	want([]string{"t2", "t1"}, nil)
	put(anna, phone("phone", "t3")) // FCM gave the phone a new token
	want([]string{"t2", "t3"}, nil)
	put(berta, phone("my-phone", "t3")) // the phone changed hands
	want([]string{"t2"}, []string{"t3"})
	put(anna, phone("phone", "t3")) // and came back
	want([]string{"t2", "t3"}, nil)
	for range 2 {
		if err := h.DeleteDevice(ctx, liguria, anna, "phone"); err != nil {
			t.Fatal(err)
		}
	}
	want([]string{"t2"}, nil)
	put(berta, phone("my-phone", "t3"))
	if err := h.Prune(ctx, liguria, "t2"); err != nil {
		t.Fatal(err)
	}
	want(nil, []string{"t3"})
	h.advance(2 * 24 * time.Hour)
	put(anna, phone("tablet", "t2")) // it was put again after all
	want([]string{"t2"}, []string{"t3"})
	for _, err := range []error{h.Prune(ctx, liguria, "unheard"), h.DeleteDevice(ctx, liguria, "nobody", "phone"), h.Prune(ctx, "other", "t2")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	want([]string{"t2"}, []string{"t3"})
	h.advance(269 * 24 * time.Hour)
	want([]string{"t2"}, nil)
	h.advance(2 * 24 * time.Hour)
	want(nil, nil)
}

func TestAPersonHasUpToTenDevices(t *testing.T) {
	h := newHouse(t)
	anna := h.person("anna@example.org").Person
	for i := range 12 {
		if err := h.PutDevice(context.Background(), liguria, anna, phone(fmt.Sprint("d", i), fmt.Sprint("t", i))); err != nil {
			t.Fatal(err)
		}
	}
	if got := h.values(anna)[anna]; len(got) != 10 || got[0] != "t2" || got[9] != "t11" {
		t.Fatalf("devices are %v", got)
	}
}

func TestARegistrationLeadsToOnePersonUnderRaces(t *testing.T) {
	h := newHouse(t)
	nodes := []*people.Service{h.Service, h.node()}
	ids := make([]string, 4)
	for i := range ids {
		ids[i] = h.person(fmt.Sprintf("a%d@example.org", i)).Person
	}
	var wg sync.WaitGroup
	for i := range 24 {
		wg.Go(func() {
			if err := nodes[i%2].PutDevice(context.Background(), liguria, ids[i%4], phone("phone", "t1")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := h.values(ids...); len(got) != 1 {
		t.Fatalf("it leads to %v", got)
	}
}

func TestPutDeviceRefuses(t *testing.T) {
	h := newHouse(t)
	anna := h.person("anna@example.org").Person
	for name, change := range map[string]func(*people.Device){
		"no id":            func(d *people.Device) { d.ID = "" },
		"a long id":        func(d *people.Device) { d.ID = strings.Repeat("x", 129) },
		"no value":         func(d *people.Device) { d.Value = "" },
		"a long value":     func(d *people.Device) { d.Value = strings.Repeat("x", 4097) },
		"another kind":     func(d *people.Device) { d.Kind = "apns" },
		"another platform": func(d *people.Device) { d.Platform = "symbian" },
		"an odd category":  func(d *people.Device) { d.Categories = []string{"News!"} },
		"21 categories":    func(d *people.Device) { d.Categories = strings.Split(strings.Repeat("a,", 20)+"a", ",") },
	} {
		d := phone("phone", "t1")
		change(&d)
		t.Run(name, func(t *testing.T) {
			wantCode(t, h.PutDevice(context.Background(), liguria, anna, d), "device_invalid")
		})
	}
	wantCode(t, h.PutDevice(context.Background(), liguria, "nobody", phone("phone", "t1")), "person_unknown")
	if got := h.values(anna); len(got) != 0 {
		t.Fatalf("something was kept: %v", got)
	}
}
