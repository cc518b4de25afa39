// Coroutines, char8_t, deduction, exceptions specifications, using declarations, virtual
// inheritance in templates.
namespace std {
template <class R, class... A>
struct coroutine_traits {
  using promise_type = typename R::promise_type;
};
template <class P = void>
struct coroutine_handle {
  static coroutine_handle from_address(void*) noexcept;
  operator coroutine_handle<>() const noexcept;
};
template <>
struct coroutine_handle<void> {
  static coroutine_handle from_address(void*) noexcept;
  template <class P>
  coroutine_handle(coroutine_handle<P>) noexcept;
  coroutine_handle() noexcept;
};
struct suspend_always {
  bool await_ready() noexcept { return false; }
  void await_suspend(coroutine_handle<>) noexcept {}
  void await_resume() noexcept {}
};
template <class T>
struct initializer_list {
  const T* begin_;
  decltype(sizeof 0) size_;
};
}  // namespace std
struct Task {
  struct promise_type {
    Task get_return_object() { return {}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() {}
    std::suspend_always yield_value(int) { return {}; }
  };
};
struct Awaitable {
  std::suspend_always operator co_await() { return {}; }
};
std::suspend_always operator co_await(Task) { return {}; }
struct Converts {
  template <class T>
  std::suspend_always operator co_await() && {
    return {};
  }
};
Task coroutine(int i) {
  co_await Awaitable();
  co_yield i;
  co_await coroutine(i - 1);
}
template <class T>
Task coroutine_template(T t) {
  co_await t;
}
template Task coroutine_template(Awaitable);
struct Member {
  Task f(int) const { co_return; }
  static Task g() { co_return; }
};
void use_member() {
  Member().f(1);
  Member::g();
  auto lambda = [](Awaitable a) -> Task { co_await a; };
  lambda({});
}
template <class T>
struct Curious {
  void f() { static_cast<T*>(this)->g(); }
  virtual void h(Curious*, T*) {}
};
struct Recurring : Curious<Recurring> {
  void g() {}
};
void use_recurring() { Recurring().f(); }
template <class T>
struct Mixed : virtual T, Curious<Mixed<T>> {
  virtual ~Mixed() {}
  void g() {}
  void h(Curious<Mixed<T>>*, Mixed<T>*) override {}
};
template struct Mixed<Recurring>;
void takes_list(std::initializer_list<int>, std::initializer_list<std::initializer_list<int>>) {}
template <class T>
void deduced(T&&, const T&, T*, T (*)(T)) {}
void use_deduced(int& i, int (*f)(int)) {}
struct Big {
  template <class A, class B, class C, class D, class E, class F, class G, class H, class I,
            class J, class K, class L>
  struct Twelve {
    void all(A, B, C, D, E, F, G, H, I, J, K, L, A*, B*, C*, D*, E*, F*, G*, H*, I*, J*, K*, L*) {}
  };
  struct t1 {};
  struct t2 {};
  struct t3 {};
  struct t4 {};
  struct t5 {};
  struct t6 {};
  struct t7 {};
  struct t8 {};
  struct t9 {};
  struct t10 {};
  struct t11 {};
  struct t12 {};
};
template struct Big::Twelve<Big::t1, Big::t2, Big::t3, Big::t4, Big::t5, Big::t6, Big::t7, Big::t8,
                            Big::t9, Big::t10, Big::t11, Big::t12>;
template struct Big::Twelve<Big::t1, Big::t1*, Big::t1**, const Big::t1, int, int*, Big, Big*,
                            Big::Twelve<int, int, int, int, int, int, int, int, int, int, int, int>,
                            Big::t2 Big::*, void (*)(Big::t1), void (Big::*)(Big::t2)>;
