-- each error underlines the place
SELECT a FRM 'x';
error:
    the statement should end here, or go on with FROM (did you mean FROM?)
    SELECT a FRM 'x'
             ^^^;

-- an operand is missing
SELECT a + FROM 'x';
error:
    an expression is missing before FROM
    SELECT a + FROM 'x'
               ^^^^;

-- unknown functions are refused when the rule is loaded
SELECT toppic(2) FROM 'x';
error:
    there is no function toppic() (did you mean topic()?)
    SELECT toppic(2) FROM 'x'
           ^^^^^^;

-- an open string
SELECT 'abc FROM x;
error:
    the string that starts with ' does not end (close it with the same quote; write the quote twice to have it in the string)
    SELECT 'abc FROM x
           ^^^^^^^^^^^;

-- what AWS does not have
SELECT a FROM 'x' WHERE a LIKE 'b%';
error:
    LIKE is not part of IoT SQL (use regexp_matches(), startswith() or endswith())
    SELECT a FROM 'x' WHERE a LIKE 'b%'
                              ^^^^;

-- comments
SELECT a FROM 'x' /* no */;
error:
    a comment (IoT SQL has no comments)
    SELECT a FROM 'x' /* no */
                      ^^;

-- a wildcard inside a level
SELECT a FROM 'x/a+';
error:
    a wildcard stands for a whole level, not as in 'a+'
    SELECT a FROM 'x/a+'
                  ^^^^^^;

-- the same without quotes
SELECT a FROM x/a+ WHERE b = 1;
error:
    a wildcard stands for a whole level, not as in 'a+'
    SELECT a FROM x/a+ WHERE b = 1
                  ^^^^;

-- VALUE takes one
SELECT VALUE a, b FROM 'x';
error:
    SELECT VALUE takes one expression
    SELECT VALUE a, b FROM 'x'
                  ^;

-- a parenthesis that does not close
SELECT (((a FROM 'x';
error:
    ')' expected
    SELECT (((a FROM 'x'
                ^^^^;

-- comparisons do not chain
SELECT 1 < a < 3 FROM 'x';
error:
    comparisons cannot be chained (join them with AND)
    SELECT 1 < a < 3 FROM 'x'
                 ^;

-- a type that does not exist
SELECT cast(a AS float) FROM 'x';
error:
    there is no type float (types are String, Int, Decimal, Double, Boolean)
    SELECT cast(a AS float) FROM 'x'
           ^^^^;

-- CASE without WHEN
SELECT CASE a ELSE 1 END FROM 'x';
error:
    CASE needs at least one WHEN
    SELECT CASE a ELSE 1 END FROM 'x'
                  ^^^^;

-- an alias is missing
SELECT a AS FROM 'x';
error:
    an alias is missing before FROM
    SELECT a AS FROM 'x'
                ^^^^;

-- other languages
SELECT a FROM 'x' WHERE a == 1;
error:
    the statement should end here, or go on with WHERE (write = to compare)
    SELECT a FROM 'x' WHERE a == 1
                              ^^;

-- and their AND
SELECT a FROM 'x' WHERE a = 1 && b = 2;
error:
    '&' does not belong in a statement (write AND)
    SELECT a FROM 'x' WHERE a = 1 && b = 2
                                  ^;

-- a comment would else be a subtraction
SELECT a FROM 'x' WHERE a = 1 -- one;
error:
    the statement should end here, or go on with WHERE (IoT SQL has no comments; two minus signs need a space between them)
    SELECT a FROM 'x' WHERE a = 1 -- one
                                  ^^;

-- NOT IN
SELECT a FROM 'x' WHERE a NOT IN [1];
error:
    the statement should end here, or go on with WHERE (write NOT (a IN b))
    SELECT a FROM 'x' WHERE a NOT IN [1]
                              ^^^;

-- names that are not letters, digits and _
SELECT größe FROM 'x';
error:
    'ö' does not belong in a statement (get(*, 'a-b') reads a member of any name)
    SELECT größe FROM 'x'
             ^;

-- a number beyond AWS's
SELECT 1e1000 AS a FROM 'x';
error:
    this number is larger than 9.999E999, the largest of AWS
    SELECT 1e1000 AS a FROM 'x'
           ^^^^^^;
