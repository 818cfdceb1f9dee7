package people

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"
)

// keyFile is the document that keys are kept in. Version 1 had one signing key,
// and public keys beside it; it is read for ever and no longer written.
type keyFile struct {
	Version int          `json:"version"`
	Signing []storedPair `json:"signing"` // in the order in which they sign
	Code    []byte       `json:"code"`
}

type storedPair struct {
	ID        string     `json:"id"`
	Seed      []byte     `json:"seed,omitempty"`   // 32 bytes; absent: it only verifies
	Public    []byte     `json:"public,omitempty"` // where there is no seed
	SignsFrom *time.Time `json:"signs_from,omitempty"`
}

type keyFileV1 struct {
	KeyID   string            `json:"key_id"`
	Signing []byte            `json:"signing"` // the seed, 32 bytes
	Code    []byte            `json:"code"`
	Verify  map[string][]byte `json:"verify"`
}

const keyFileVersion = 2

// Encode gives the keys as a JSON document to keep in a file that only the
// server's user may read.
func (k Keys) Encode() ([]byte, error) {
	if err := k.check(); err != nil {
		return nil, err
	}
	if len(k.signing) > liveKeys {
		return nil, errors.New("people: more than two signing keys are not kept; retire one")
	}
	file := keyFile{Version: keyFileVersion, Code: k.derivation}
	for _, key := range k.signing {
		stored := storedPair{ID: key.id}
		if key.private != nil {
			stored.Seed = key.private.Seed()
		} else {
			stored.Public = key.public
		}
		if !key.from.IsZero() {
			stored.SignsFrom = &key.from
		}
		file.Signing = append(file.Signing, stored)
	}
	return json.MarshalIndent(file, "", "  ")
}

// DecodeKeys reads what Encode gave, now or in an earlier version, and refuses
// anything else. Its errors hold no part of the document.
func DecodeKeys(document []byte) (Keys, error) {
	unreadable := errors.New("people: the keys are not the JSON document that was written")
	var head struct {
		Version int `json:"version"`
	}
	if json.Unmarshal(document, &head) != nil {
		return Keys{}, unreadable
	}
	var keys Keys
	var err error
	switch head.Version {
	case 1:
		var file keyFileV1
		if json.Unmarshal(document, &file) != nil {
			return Keys{}, unreadable
		}
		keys, err = file.keys()
	case keyFileVersion:
		var file keyFile
		if json.Unmarshal(document, &file) != nil {
			return Keys{}, unreadable
		}
		keys, err = file.keys()
	default:
		return Keys{}, errors.New("people: the keys are of another version or cut short")
	}
	if err != nil {
		return Keys{}, err
	}
	if err := keys.check(); err != nil {
		return Keys{}, err
	}
	return keys, nil
}

func (f keyFile) keys() (Keys, error) {
	if len(f.Signing) > liveKeys {
		return Keys{}, errors.New("people: there are more than two signing keys")
	}
	keys := Keys{derivation: f.Code}
	for _, stored := range f.Signing {
		var from time.Time
		if stored.SignsFrom != nil {
			from = stored.SignsFrom.UTC()
		}
		switch {
		case len(stored.Seed) == ed25519.SeedSize && stored.Public == nil:
			keys.signing = append(keys.signing, pair(stored.ID, stored.Seed, from))
		case stored.Seed == nil:
			keys.signing = append(keys.signing, signingKey{id: stored.ID, public: stored.Public, from: from})
		default:
			return Keys{}, errors.New("people: a signing key is cut short")
		}
	}
	return keys, nil
}

func (f keyFileV1) keys() (Keys, error) {
	if len(f.Signing) != ed25519.SeedSize {
		return Keys{}, errors.New("people: the signing key is cut short")
	}
	keys := Keys{derivation: f.Code}
	for _, id := range slices.Sorted(maps.Keys(f.Verify)) {
		keys.signing = append(keys.signing, signingKey{id: id, public: f.Verify[id]})
	}
	keys.signing = append(keys.signing, pair(f.KeyID, f.Signing, time.Time{}))
	return keys, nil
}
