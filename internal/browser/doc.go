// Package browser tests the pages in a real headless Chromium: the live board
// against a scripted server, which can be made to misbehave, and against the
// real binary. Its tests have the build tag browser; see the Makefile's target
// test-browser. MUSTER_SCREENSHOTS names a folder that pictures are written to.
package browser
