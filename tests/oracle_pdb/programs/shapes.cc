// Classes, namespaces, templates and functions inlined into one another.
extern "C" int plain_entry(int);
extern "C" volatile int sink;
int use_fields(int);
int inlining(int);
struct VeryLong;
int use_very_long(VeryLong*);
extern VeryLong very_long;

namespace geometry {

template <class T>
struct Point {
  T x, y;
  inline T dot(const Point& other) const { return x * other.x + y * other.y; }
};

class Shape {
 public:
  virtual ~Shape() {}
  virtual int area() const = 0;
  static int count;

 protected:
  int edges_ = 0;
};
int Shape::count;

class Square : public Shape {
 public:
  explicit Square(int side) : side_(side) {
    edges_ = 4;
    ++count;
  }
  int area() const override {
    int sum = 0;
    for (int i = 0; i < side_; ++i) sum += sink + side_;
    return sum;
  }

 private:
  int side_;
};

namespace {
inline int hidden(int a) {
  sink = a;
  return sink * 3;
}
}  // namespace

inline int measure(const Shape& shape) { return shape.area() + hidden(shape.area()); }

}  // namespace geometry

void operator delete(void*, decltype(sizeof 0)) noexcept {}

__attribute__((cold, noinline)) static void report(int a) {
  sink = a;
  sink = a + 1;
  sink = a + 2;
}

extern "C" int _fltused = 0;
extern "C" int _purecall() { return 0; }

extern "C" int start() {
  geometry::Square square(sink);
  geometry::Point<int> a{sink, 2}, b{3, sink};
  struct Local {
    int first;
    char second;
  } local{sink, 1};
  if (__builtin_expect(sink == 77, 0)) {
    report(1);
    sink = 5;
    report(2);
    __builtin_trap();
  }
  return geometry::measure(square) + a.dot(b) + plain_entry(local.first) +
         use_fields(local.second) + inlining(sink) + use_very_long(&very_long);
}
