package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"sort"
	"strings"
)

func printHeader(w io.Writer, prefix string, h http.Header) {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Fprintf(w, "%s%s: %s\n", prefix, name, strings.Join(h[name], ", "))
	}
}

// answer prints what came.
func (a *app) answer(f *getFlags, resp *http.Response) (err error) {
	if f.fail && resp.StatusCode >= 400 {
		if !f.silent {
			fmt.Fprintf(a.err, "get: the server answered %s\n", resp.Status)
		}
		return exitCode(22)
	}
	out := a.out
	if f.output != "" && f.output != "-" {
		file, err := os.Create(f.output)
		if err != nil {
			return err
		}
		defer func() {
			if cerr := file.Close(); err == nil {
				err = cerr
			}
		}()
		out = file
	}
	if f.head || f.include {
		fmt.Fprintf(out, "%s %s\n", resp.Proto, resp.Status)
		printHeader(out, "", resp.Header)
		fmt.Fprintln(out)
	}
	if _, err := io.Copy(out, resp.Body); err != nil {
		return fmt.Errorf("the answer was cut short: %s", plain(err))
	}
	return nil
}
