package badge

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"strconv"
	"time"

	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

const (
	// listBits is how many credentials share a status list: the least that Bitstring
	// Status List 1.0 allows, so that whoever asks for one hides among the others.
	listBits = 131_072
	// listLife is how long a node gives the same list, and how long a verifier may.
	listLife = time.Minute
)

// statusLists is the one document that gives places in a campaign's status lists.
type statusLists struct {
	store.Meta `bson:",inline"` // id listsID
	Next       int              `bson:"next"`
}

const listsID = "places"

// place takes the next place.
func (s *Service) place(ctx context.Context, campaignID string) (list string, index int, err error) {
	first := &statusLists{Meta: store.Meta{ID: listsID}}
	if err := s.lists.InsertOne(ctx, campaignID, first); err != nil && !errors.Is(err, store.ErrDuplicate) {
		return "", 0, stored(err)
	}
	l, err := s.lists.Update(ctx, campaignID, listsID, func(l *statusLists) error { l.Next++; return nil })
	if err != nil {
		return "", 0, stored(err)
	}
	return strconv.Itoa((l.Next-1)/listBits + 1), (l.Next - 1) % listBits, nil
}

// statusList is a list as it was signed last.
type statusList struct {
	signed string
	at     time.Time
	base   string
}

type listCredential struct {
	Context   []string    `json:"@context"`
	ID        string      `json:"id"`
	Type      []string    `json:"type"`
	Issuer    string      `json:"issuer"`
	ValidFrom string      `json:"validFrom"`
	Subject   listSubject `json:"credentialSubject"`
}

type listSubject struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	Purpose string `json:"statusPurpose"`
	Encoded string `json:"encodedList"`
	TTL     int64  `json:"ttl"` // milliseconds
}

// Status is a status list of a campaign, as a signed credential, at most listLife
// old: bit n says whether the credential at place n was withdrawn. It says nothing
// of whose they are, so anybody may have it. Errors: NotFound list_unknown;
// Unavailable.
func (s *Service) Status(ctx context.Context, campaignID, list string, issuer Issuer) (string, error) {
	now := s.clock.Now()
	key := campaignID + "/" + list
	s.mu.Lock()
	have, ok := s.statuses[key]
	s.mu.Unlock()
	if ok && have.base == issuer.Base && now.Sub(have.at).Abs() < listLife {
		return have.signed, nil
	}
	if err := s.exists(ctx, campaignID, list); err != nil {
		return "", err
	}
	bits := make([]byte, listBits/8)
	for h, err := range s.holders.Scan(ctx, campaignID, store.Query{Index: "revoked", Equal: []any{list}}) {
		if err != nil {
			return "", stored(err)
		}
		for _, a := range h.Awards {
			if a.RevokedOn == list && a.Index < listBits {
				bits[a.Index/8] |= 1 << (7 - a.Index%8) // the first bit is the left-most
			}
		}
	}
	encoded, err := encode(bits)
	if err != nil {
		return "", err
	}
	address := issuer.address("/badge-status/" + list)
	signed, err := s.sign(issuer.Base, listCredential{
		Context: []string{contextVC}, ID: address, Type: []string{"VerifiableCredential", "BitstringStatusListCredential"},
		Issuer: issuer.Profile().ID, ValidFrom: now.Format(time.RFC3339),
		Subject: listSubject{ID: address + "#list", Type: "BitstringStatusList", Purpose: "revocation", Encoded: encoded, TTL: listLife.Milliseconds()},
	}, map[string]any{"iss": issuer.Profile().ID, "jti": address, "nbf": now.Unix(), "sub": address + "#list"})
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.statuses[key] = statusList{signed: signed, at: now, base: issuer.Base}
	return signed, nil
}

// exists says whether a place of the list was ever given: NotFound list_unknown.
func (s *Service) exists(ctx context.Context, campaignID, list string) error {
	unknown := errs.New(errs.NotFound, "list_unknown", "There is no such status list.")
	n, err := strconv.Atoi(list)
	if err != nil || n < 1 || strconv.Itoa(n) != list {
		return unknown
	}
	l, err := s.lists.Get(ctx, campaignID, listsID)
	if errors.Is(err, store.ErrNotFound) || err == nil && (n-1)*listBits >= l.Next {
		return unknown
	}
	return stored(err)
}

// encode is the form of a bitstring in its credential: compressed by gzip, in
// base64url without padding, with multibase's "u" before it.
func encode(bits []byte) (string, error) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(bits); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	return "u" + base64.RawURLEncoding.EncodeToString(packed.Bytes()), nil
}
