package app

import (
	"errors"
	"os"
)

// authEmulator is the variable by which the Firebase SDK is told to talk to an
// emulator; it then checks of ID tokens neither signature nor key nor algorithm.
// The SDK's messaging honours no such variable.
const authEmulator = "FIREBASE_AUTH_EMULATOR_HOST"

// ErrEmulator is the answer where authEmulator is set: with it anybody could sign
// in as anybody.
var ErrEmulator = errors.New(authEmulator + " is set: Firebase sign-ins would be believed unchecked; unset it")

// CheckEnvironment refuses an environment that Muster must not run in:
// ErrEmulator.
func CheckEnvironment() error {
	if os.Getenv(authEmulator) != "" {
		return ErrEmulator
	}
	return nil
}
