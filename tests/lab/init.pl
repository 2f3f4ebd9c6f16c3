# Process 1 of a namespace: reaps whatever falls to it, and ends when its standard input does, so that everything
# in the namespace ends with whoever holds the other end, however that one ended.
$SIG{CHLD} = 'IGNORE';
1 while sysread(STDIN, my $nothing, 1);
