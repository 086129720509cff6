package lockorder

import (
	"go/ast"
	"go/token"
	"go/types"
	"maps"
)

// locks counts what is held: below zero, how often the function gave up what
// its caller holds. nil is where the code does not go on.
type locks map[string]int

// event is a lock taken, or a call, with what is held there.
type event struct {
	lock    string // "" in a call
	callees []node
	held    locks
	pos     token.Pos
}

// walker goes through one function.
type walker struct {
	p      *Program
	effect map[node]locks // what each function leaves taken or given up
	events []event
	defers []*ast.CallExpr
	breaks []*locks // what is held where the statement around is left
	exit   locks
}

// walk returns the events of a function and its effect.
func (p *Program) walk(body *ast.BlockStmt, effect map[node]locks) ([]event, locks) {
	w := &walker{p: p, effect: effect}
	w.leave(w.block(body.List, locks{}))
	return w.events, w.exit
}

// join is what may be held after either of two branches.
func join(a, b locks) locks {
	if a == nil {
		return maps.Clone(b)
	}
	sum := maps.Clone(a)
	if b == nil {
		return sum
	}
	for l, n := range b {
		sum[l] = max(n, a[l])
	}
	for l, n := range a {
		sum[l] = max(n, b[l])
	}
	return sum
}

// leave ends the function: what was deferred runs.
func (w *walker) leave(held locks) {
	if held == nil {
		return
	}
	held = maps.Clone(held)
	for i := len(w.defers) - 1; i >= 0; i-- {
		w.call(w.defers[i], held)
	}
	w.exit = join(w.exit, held)
}

func (w *walker) block(list []ast.Stmt, held locks) locks {
	for _, s := range list {
		if held == nil {
			return nil
		}
		held = w.stmt(s, held)
	}
	return held
}

// stmt walks one statement and returns what is held after it; it may change
// held.
func (w *walker) stmt(s ast.Stmt, held locks) locks {
	switch s := s.(type) {
	case nil:
	case *ast.BlockStmt:
		return w.block(s.List, held)
	case *ast.LabeledStmt:
		return w.stmt(s.Stmt, held)
	case *ast.IfStmt:
		return w.branch(s, held)
	case *ast.ForStmt:
		return w.loop(s, held)
	case *ast.RangeStmt:
		w.expr(s.X, held)
		for _, f := range w.p.callees(&ast.CallExpr{Fun: s.X}) {
			w.events = append(w.events, event{callees: []node{f}, held: maps.Clone(held), pos: s.Pos()})
		}
		return w.body(s.Body, held, false, nil)
	case *ast.SwitchStmt:
		held = w.stmt(s.Init, held)
		w.expr(s.Tag, held)
		return w.cases(s.Body, held, false)
	case *ast.TypeSwitchStmt:
		return w.cases(s.Body, w.stmt(s.Assign, w.stmt(s.Init, held)), false)
	case *ast.SelectStmt:
		return w.cases(s.Body, held, true)
	case *ast.ReturnStmt:
		for _, e := range s.Results {
			w.expr(e, held)
		}
		w.leave(held)
		return nil
	case *ast.BranchStmt:
		if s.Tok == token.BREAK && len(w.breaks) > 0 {
			out := w.breaks[len(w.breaks)-1]
			*out = join(*out, held)
		}
		if s.Tok != token.FALLTHROUGH {
			return nil
		}
	case *ast.DeferStmt:
		w.defers = append(w.defers, s.Call)
	case *ast.GoStmt:
		for _, arg := range s.Call.Args {
			w.expr(arg, held)
		}
	case *ast.ExprStmt:
		w.expr(s.X, held)
		if w.panics(s.X) {
			return nil
		}
	default:
		w.expr(s, held)
	}
	return held
}

func (w *walker) panics(e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	id, ok := call.Fun.(*ast.Ident)
	return ok && id.Name == "panic"
}

func (w *walker) branch(s *ast.IfStmt, held locks) locks {
	held = w.stmt(s.Init, held)
	w.expr(s.Cond, held)
	then := maps.Clone(held)
	if call, ok := s.Cond.(*ast.CallExpr); ok {
		if lock, verb := w.p.lock(call); verb == "TryLock" || verb == "TryRLock" {
			then[lock]++
		}
	}
	return join(w.block(s.Body.List, then), w.stmt(s.Else, maps.Clone(held)))
}

func (w *walker) loop(s *ast.ForStmt, held locks) locks {
	held = w.stmt(s.Init, held)
	if s.Cond != nil {
		w.expr(s.Cond, held)
	}
	return w.body(s.Body, held, s.Cond == nil, s.Post)
}

// body walks a loop twice, the second time with what the first left.
func (w *walker) body(b *ast.BlockStmt, held locks, forever bool, post ast.Stmt) locks {
	var out locks
	for range 2 {
		w.breaks = append(w.breaks, &out)
		after := w.block(b.List, maps.Clone(held))
		w.breaks = w.breaks[:len(w.breaks)-1]
		if after != nil {
			held = join(held, w.stmt(post, after))
		}
	}
	if forever {
		return out
	}
	return join(held, out)
}

// cases walks a switch or, with always, a select, of which one case is taken.
func (w *walker) cases(b *ast.BlockStmt, held locks, always bool) locks {
	var out locks
	w.breaks = append(w.breaks, &out)
	var after locks
	for _, s := range b.List {
		var list []ast.Stmt
		state := maps.Clone(held)
		switch c := s.(type) {
		case *ast.CaseClause:
			for _, e := range c.List {
				w.expr(e, state)
			}
			list, always = c.Body, always || c.List == nil
		case *ast.CommClause:
			state, list = w.stmt(c.Comm, state), c.Body
		}
		after = join(after, w.block(list, state))
	}
	w.breaks = w.breaks[:len(w.breaks)-1]
	if !always {
		after = join(after, held)
	}
	return join(after, out)
}

// expr finds the calls in an expression, the inner ones first; a function literal
// is walked as a function of its own.
func (w *walker) expr(n ast.Node, held locks) {
	if n == nil || n == ast.Expr(nil) {
		return
	}
	ast.PreorderStack(n, nil, func(n ast.Node, _ []ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.CallExpr:
			w.expr(n.Fun, held)
			for _, arg := range n.Args {
				w.expr(arg, held)
			}
			w.call(n, held)
			return false
		}
		return true
	})
}

// call notes a call, and does to held what the callee does.
func (w *walker) call(n *ast.CallExpr, held locks) {
	if lock, verb := w.p.lock(n); lock != "" {
		switch verb {
		case "Lock", "RLock":
			w.events = append(w.events, event{lock: lock, held: maps.Clone(held), pos: n.Pos()})
			held[lock]++
		case "Unlock", "RUnlock":
			held[lock]--
		}
		return
	}
	callees := w.p.callees(n)
	if foreign(w.p, callees) {
		callees = w.p.handed(n)
	}
	if len(callees) == 0 {
		return
	}
	w.events = append(w.events, event{callees: callees, held: maps.Clone(held), pos: n.Pos()})
	change := locks(nil)
	for _, f := range callees {
		if w.p.bodies[f] != nil {
			change = join(change, w.effect[f])
		}
	}
	for l, d := range change {
		held[l] += d
	}
}

func foreign(p *Program, callees []node) bool {
	for _, f := range callees {
		if fn, ok := f.(*types.Func); ok && !p.ours(fn) {
			return true
		}
	}
	return false
}

// handed are the functions that a call hands to another module's function.
func (p *Program) handed(n *ast.CallExpr) (funcs []node) {
	if sel, ok := n.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "AfterFunc" {
		return nil
	}
	for _, arg := range n.Args {
		if _, ok := p.info.TypeOf(arg).Underlying().(*types.Signature); ok {
			funcs = append(funcs, p.callees(&ast.CallExpr{Fun: arg})...)
		}
	}
	return funcs
}

// lock names the mutex that a call takes or gives up, and says which.
func (p *Program) lock(n *ast.CallExpr) (name, verb string) {
	sel, ok := n.Fun.(*ast.SelectorExpr)
	if !ok || p.info.Selections[sel] == nil {
		return "", ""
	}
	s := p.info.Selections[sel]
	fn, ok := s.Obj().(*types.Func)
	if !ok || fn.Pkg() == nil || fn.Pkg().Path() != "sync" {
		return "", ""
	}
	switch p.typeNameOf(fn) {
	case "Mutex", "RWMutex":
	default:
		return "", ""
	}
	if len(s.Index()) > 1 { // embedded
		return p.typeName(s.Recv()) + "." + p.typeNameOf(fn), fn.Name()
	}
	switch x := ast.Unparen(sel.X).(type) {
	case *ast.SelectorExpr:
		if owner := p.owner(x); owner != "" {
			return owner + "." + x.Sel.Name, fn.Name()
		}
		return p.short(p.info.Uses[x.Sel].Pkg()) + "." + x.Sel.Name, fn.Name()
	case *ast.Ident:
		return p.short(p.info.Uses[x].Pkg()) + "." + x.Name, fn.Name()
	}
	return "?", fn.Name()
}

func (p *Program) typeNameOf(fn *types.Func) string {
	t := fn.Signature().Recv().Type()
	if ptr, ok := t.(*types.Pointer); ok {
		t = ptr.Elem()
	}
	if named, ok := t.(*types.Named); ok {
		return named.Obj().Name()
	}
	return ""
}

// owner names the type that declares the field which x selects, also where it is
// promoted.
func (p *Program) owner(x *ast.SelectorExpr) string {
	s := p.info.Selections[x]
	if s == nil {
		return ""
	}
	t := s.Recv()
	for _, i := range s.Index()[:len(s.Index())-1] {
		if ptr, ok := t.Underlying().(*types.Pointer); ok {
			t = ptr.Elem()
		}
		t = t.Underlying().(*types.Struct).Field(i).Type()
	}
	return p.typeName(t)
}
